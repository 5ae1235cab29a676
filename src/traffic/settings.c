#include "traffic/settings.h"

#include "client/client.h"

enum { URL_MAX = 2048, ERROR_MAX = 256 };

bool traffic_split_url(struct str url, struct str *ret_base, struct str *ret_target)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    struct str rest = scheme > 0 ? str_skip(url, (size_t)scheme + 3) : STR("");
    ptrdiff_t slash = str_find_char(rest, '/');

    if (slash <= 0)
        return false;
    *ret_base = str_first(url, (size_t)scheme + 3 + (size_t)slash);
    *ret_target = str_skip(rest, (size_t)slash);
    return true;
}

static bool is_target(struct str target)
{
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 0x7f || target.p[i] == '#')
            return false;
    return true;
}

static int parse_url(struct arena *arena, struct str text, const struct conf_field *field,
                     void *dst, struct buf *error)
{
    AUTO(buf_done) struct buf why = {.cap = ERROR_MAX};
    struct str base, target;

    if (text.n > 0 && (text.n > URL_MAX || !traffic_split_url(text, &base, &target) ||
                       !is_target(target) || client_base_check(base, &why) < 0)) {
        buf_add(error, STR("a URL with a path, such as https://api.example.com/traffic"));
        return -1;
    }
    *(struct str *)dst = arena_copy(arena, text);
    return ((struct str *)dst)->p != NULL ? 0 : -1;
}

static const struct conf_type conf_url = {"URL", sizeof(struct str), false, parse_url};

const struct conf_field traffic_fields[] = {
    CONF_F(struct traffic_settings, report_url, conf_url, .def = "",
           .doc = "Where reports are sent by POST. Empty: nothing is reported, and counts can be "
                  "looked at for `max_wait`."),
    CONF_SECRET_FIELD(struct traffic_settings, report_key, .optional = true,
                      .doc = "Sent as `Authorization: Bearer KEY`. None: no such field."),
    CONF_F(struct traffic_settings, interval, conf_duration, .def = "300s", .min = "1s",
           .max = "1d", .doc = "How often it is reported who has been delivered enough."),
    CONF_F(struct traffic_settings, threshold, conf_size, .def = "1MiB", .min = "0", .max = "1TiB",
           .doc = "Who was delivered less waits for the next report, with what comes then."),
    CONF_F(struct traffic_settings, max_wait, conf_duration, .def = "1d", .min = "1s", .max = "30d",
           .doc = "Who has waited for so long is reported with less, too."),
    CONF_F(struct traffic_settings, timeout, conf_duration, .def = "30s", .min = "100ms",
           .max = "10m",
           .doc = "Time for the receiver to answer; then the same report is sent again."),
    CONF_F(struct traffic_settings, stop_timeout, conf_duration, .def = "5s", .min = "0",
           .max = "10m",
           .doc = "How long a stop may take to send what is left. What is not acknowledged by then "
                  "stays in the store for the next start, or for another instance."),
    CONF_F(struct traffic_settings, instance, conf_string, .def = "", .max = "128",
           .doc = "What reports call this instance (`worker_id`). Empty: the host's name."),
    CONF_F(struct traffic_settings, verify, conf_bool, .def = "on",
           .doc = "Check the receiver's certificate."),
    CONF_F(struct traffic_settings, ca_file, conf_path, .def = "",
           .doc = "PEM file of the authority that signed it. Empty: the system's."),
    CONF_END,
};

/* It goes into a field of HTTP/1.1. */
static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return true;
}

int traffic_settings_check(const struct traffic_settings *s, struct conf_report *report,
                           const struct conf_source *source)
{
    if (s->report_key.bytes.n > 0 && !is_visible(s->report_key.bytes)) {
        conf_complain(
            report, source, "traffic.report_key",
            "has characters that cannot be sent: a key is printable ASCII without spaces");
        return -1;
    }
    if (s->report_key.bytes.n > 0 && s->report_url.n == 0) {
        conf_complain(report, source, "traffic.report_key", "is for report_url, and there is none");
        return -1;
    }
    return 0;
}
