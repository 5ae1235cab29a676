/* The section `log.access`: where lines go, and in what form. */
#include "base/panic.h"
#include "gate/access_log.h"

static const char *const places[] = {"file", "stdout", "syslog", "journald",
                                     NULL};                      /* enum access_log_to */
static const char *const formats[] = {"json", "combined", NULL}; /* enum access_log_format */

const struct conf_field access_log_fields[] = {
    CONF_F(struct access_log_settings, to, conf_enum, .def = "file", .choices = places,
           .reload = true,
           .doc = "Where the access log goes: a `file`, `stdout`, or as a datagram a line to "
                  "`syslog` or `journald`."),
    CONF_F(struct access_log_settings, path, conf_path, .def = "", .reload = true,
           .doc = "The file, or a pipe that somebody reads; empty: no access log. SIGUSR1 opens it "
                  "anew."),
    CONF_F(struct access_log_settings, socket, conf_path, .def = "", .reload = true,
           .doc = "Socket of syslog or journald; empty: /dev/log or "
                  "/run/systemd/journal/socket."),
    CONF_F(struct access_log_settings, format, conf_enum, .def = "json", .choices = formats,
           .reload = true,
           .doc = "`json`: an object a line. `combined`: that of web servers, with more behind "
                  "it."),
    CONF_F(struct access_log_settings, queue, conf_size, .def = "1MiB", .min = "64KiB",
           .max = "1GiB",
           .doc = "Lines of each worker that may wait to be written. What comes when it is full is "
                  "dropped and counted: viewers do not wait for a log."),
    CONF_END,
};

bool access_log_is_on(const struct access_log_settings *s)
{
    return s->to != ACCESS_LOG_FILE || s->path.n > 0;
}

static enum line_target_kind kind_of(int to)
{
    switch (to) {
    case ACCESS_LOG_FILE:
        return LINES_TO_FILE;
    case ACCESS_LOG_STDOUT:
        return LINES_TO_STDOUT;
    case ACCESS_LOG_SYSLOG:
        return LINES_TO_SYSLOG;
    case ACCESS_LOG_JOURNALD:
        return LINES_TO_JOURNALD;
    default:
        WRONG("place of the access log");
    }
}

struct line_target_options access_log_target(const struct access_log_settings *s)
{
    return (struct line_target_options){kind_of(s->to), s->path, s->socket};
}
