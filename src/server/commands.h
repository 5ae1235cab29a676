/* The subcommands of the binary and their options. */
#ifndef SERVER_COMMANDS_H
#define SERVER_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

enum { EXIT_USAGE = 2 };

struct command_options {
    const char *config; /* -c; NULL: not given */
    const char *uid, *path, *base;
    int64_t ttl; /* seconds */
    bool is_scope;
};

/* argv[0] is the command's name. -1 with a line on stderr. */
int command_options_parse(int argc, char **argv, struct command_options *ret) MUST_CHECK;

int cmd_serve(const struct command_options *o);
int cmd_check(const struct command_options *o);
int cmd_sign(const struct command_options *o);
int cmd_reference(const struct command_options *o);

#endif
