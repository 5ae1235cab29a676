/* The subcommands: one table, one function each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/mem.h"
#include "server/commands.h"

static int cmd_version(const struct command_options *o)
{
    printf("hlsgate %s\n", HLSGATE_VERSION);
    return EXIT_SUCCESS;
}

static int cmd_help(const struct command_options *o);

static const struct command {
    const char *name, *usage, *text;
    int (*run)(const struct command_options *o);
} commands[] = {
    {"serve", "serve -c FILE", "serves viewers until SIGTERM or SIGINT", cmd_serve},
    {"check", "check -c FILE", "names file, line and key of every mistake; 0 when there is none",
     cmd_check},
    {"sign", "sign -c FILE --uid U --path P [--ttl S] [--scope] [--base URL]",
     "prints a signed URL, and nothing else", cmd_sign},
    {"reference", "reference", "prints the configuration reference in Markdown", cmd_reference},
    {"version", "version", "prints the version", cmd_version},
    {"help", "help", "prints this", cmd_help},
};

static int cmd_help(const struct command_options *o)
{
    puts("hlsgate: a gate in front of HLS video\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  hlsgate %s\n      %s\n", commands[i].usage, commands[i].text);
    return EXIT_SUCCESS;
}

static const struct command *find_command(const char *name)
{
    static const char *const aliases[][2] = {
        {"--version", "version"}, {"-V", "version"}, {"--help", "help"}, {"-h", "help"}};

    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcmp(name, aliases[i][0]) == 0)
            name = aliases[i][1];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    struct command_options options;

    prctl(PR_SET_DUMPABLE, 0); /* secrets are in memory: no core file, no ptrace by others */
    if (command == NULL) {
        if (argc > 1)
            fprintf(stderr, "hlsgate: no such command: %s\n", argv[1]);
        fprintf(stderr, "usage: hlsgate COMMAND; `hlsgate help` lists them\n");
        return EXIT_USAGE;
    }
    if (command_options_parse(argc - 1, argv + 1, &options) < 0)
        return EXIT_USAGE;
    return command->run(&options);
}
