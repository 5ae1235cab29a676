/* Where redirects lead: to servers of the cluster, and nowhere else. */
#include "origin/redirect.h"

#include <errno.h>

#include "origin/cluster_testing.h"

enum { OUT = -ELOOP, BAD = -EPROTO };

static const struct str servers[] = {
    {"https://o1.example:8443", 23}, {"http://O2.example", 17}, {"http://[::1]:8080", 17},
    {"unix:/run/a.sock", 16},        {"unix:/run/b.sock", 16},
};

static void expect(const struct cluster *c, unsigned from, const char *location, int want,
                   const char *target)
{
    AUTO(buf_done) struct buf got = {.cap = REDIRECT_URL_MAX};
    unsigned server = 99;
    int r = redirect_resolve(c, from, STR("/a/b?c"), str_of(location), &got, &server);

    if (r < 0) {
        if (r != want)
            fail_msg("%s: %d", location, r);
        return;
    }
    if ((int)server != want || !str_eq(buf_str(&got), str_of(target)))
        fail_msg("%s: server %u, %.*s", location, server, STR_FMT(buf_str(&got)));
}

static void by_the_servers_own_names(void **state)
{
    static const struct {
        unsigned from;
        const char *location;
        int want;
        const char *target;
    } cases[] = {
        {0, "/x?y=1", 0, "/x?y=1"},
        {3, "/x", 3, "/x"},
        {1, "https://o1.example:8443/x", 0, "/x"},
        {1, "HTTPS://O1.EXAMPLE:8443/X", 0, "/X"},
        {0, "http://o2.example/x", 1, "/x"},
        {0, "http://o2.example:80/x", 1, "/x"},
        {0, "http://o2.example:/x", 1, "/x"},
        {0, "http://o2.example", 1, "/"},
        {0, "http://o2.example?q", 1, "/?q"},
        {0, "http://o2.example/x#fragment", 1, "/x"},
        {0, "http://o2.example#fragment", 1, "/"},
        {0, "http://[::1]:8080/x", 2, "/x"},
        {4, "http://localhost/x", 4, "/x"}, /* all sockets have this name */
        {0, "http://localhost/x", 3, "/x"},

        {0, "https://o1.example/x", OUT, NULL},
        {0, "http://o1.example:8443/x", OUT, NULL},
        {0, "https://o2.example/x", OUT, NULL},
        {0, "http://o2.example:8080/x", OUT, NULL},
        {0, "http://[::1]/x", OUT, NULL},
        {0, "http://elsewhere/x", OUT, NULL},
        {0, "http://169.254.169.254/latest/", OUT, NULL},
        {0, "http://o2.example@elsewhere/x", OUT, NULL},
        {0, "https:///x", OUT, NULL},
        {0, "http://user@o2.example/x", OUT, NULL},
        {0, "http://o2.example.elsewhere/x", OUT, NULL},
        {0, "http://elsewhere/http://o2.example/", OUT, NULL},
        {0, "http://elsewhere?http://o2.example/", OUT, NULL},
        {0, "http://elsewhere#@o2.example/", OUT, NULL},
        {0, "ftp://o2.example/x", OUT, NULL},
        {0, "file:///etc/passwd", OUT, NULL},

        {0, "", BAD, NULL},
        {0, "://o2.example/", BAD, NULL},
        {0, "http://o2.example/a b", BAD, NULL},
        {0, "http://o2.example/a\tb", BAD, NULL},
        {0, "http://o2.example/a\r\nCookie: x", BAD, NULL},
    };
    struct cluster_settings s = test_settings(servers, ARRAY_LEN(servers));
    struct cluster *c = test_cluster(&s);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(c, cases[i].from, cases[i].location, cases[i].want, cases[i].target);
    cluster_free(&c);
}

/* A server that is told to be "video.example" calls itself that; it means itself. */
static void by_the_name_in_the_host_field(void **state)
{
    static const struct {
        const char *host;
        unsigned from;
        const char *location;
        int want;
    } cases[] = {
        {"video.example", 1, "/x", 1},
        {"video.example", 1, "http://video.example/x", 1},
        {"video.example", 0, "https://video.example/x", 0},
        {"video.example", 0, "https://video.example:443/x", 0},
        {"video.example", 0, "https://o1.example:8443/x", 0},
        {"video.example", 1, "https://video.example/x", OUT}, /* it cannot do that */
        {"video.example", 1, "http://video.example:81/x", OUT},
        {"video.example:81", 1, "http://video.example:81/x", 1},
        {"video.example:81", 1, "http://video.example/x", OUT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cluster_settings s = test_settings(servers, ARRAY_LEN(servers));
        struct cluster *c;

        s.host = str_of(cases[i].host);
        c = test_cluster(&s);
        expect(c, cases[i].from, cases[i].location, cases[i].want, "/x");
        cluster_free(&c);
    }
}

static void a_long_location(void **state)
{
    static char location[REDIRECT_URL_MAX + 2];
    struct cluster_settings s = test_settings(servers, ARRAY_LEN(servers));
    struct cluster *c = test_cluster(&s);

    memset(location, 'x', sizeof location - 1);
    memcpy(location, "http://o2.example/", 18);
    expect(c, 0, location, BAD, NULL);
    location[REDIRECT_URL_MAX] = '\0';
    expect(c, 0, location, 1, location + 17);
    cluster_free(&c);
}

TEST_MAIN(cmocka_unit_test(by_the_servers_own_names),
          cmocka_unit_test(by_the_name_in_the_host_field), cmocka_unit_test(a_long_location))
