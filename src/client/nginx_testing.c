/* Makes certificates and files, lets nginx inherit sockets that are bound already. */
#include "client/nginx_testing.h"

#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

static void write_file(const struct nginx *n, const char *name, const void *p, size_t size)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", n->folder, name);
    f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void make_big(const struct nginx *n)
{
    AUTO(xfree_p) char *bytes = xmalloc(NGINX_BIG_BYTES);

    for (size_t i = 0; i < NGINX_BIG_BYTES; i++)
        bytes[i] = peer_pattern(i);
    write_file(n, "big", bytes, NGINX_BIG_BYTES);
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
#define SIGNED "openssl x509 -req -days 30 -CA ca.pem -CAkey ca.key -CAcreateserial "

static void make_certificates(const struct nginx *n)
{
    char command[1024];

    write_file(n, "names", "subjectAltName=DNS:o1.example", 29);
    snprintf(command, sizeof command,
             "cd %s && { openssl req -x509 -days 30 " NEW_KEY
             "-subj /CN=ca -keyout ca.key -out ca.pem && "
             "openssl req " NEW_KEY
             "-subj /CN=o1.example -keyout server.key -out server.csr && " SIGNED
             "-in server.csr -extfile names -out server.pem && "
             "openssl req " NEW_KEY "-subj /CN=us -keyout us.key -out us.csr && " SIGNED
             "-in us.csr -out us.pem; } 2>openssl.log",
             n->folder);
    assert_int_equal(system(command), 0);
}

/* The port it got. */
static unsigned listen_anywhere(int *ret)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;

    *ret = socket(AF_INET, SOCK_STREAM, 0); /* nginx inherits it */
    assert_true(*ret >= 0);
    assert_int_equal(bind(*ret, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(*ret, 64), 0);
    assert_int_equal(getsockname(*ret, (struct sockaddr *)&a, &size), 0);
    return ntohs(a.sin_port);
}

static const char configuration[] =
    "daemon off; pid pid; error_log error.log; worker_processes 1; %s\n"
    "events { worker_connections 256; }\n"
    "http {\n"
    "  access_log off; default_type video/mp2t; http2_max_concurrent_streams 128;\n"
    "  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;\n"
    "  scgi_temp_path t5;\n"
    "  ssl_certificate server.pem; ssl_certificate_key server.key;\n"
    "  server { listen 127.0.0.1:%u ssl http2; include locations; }\n"
    "  server { listen 127.0.0.1:%u ssl http2; include locations;\n"
    "           ssl_client_certificate ca.pem; ssl_verify_client on; }\n"
    "  server { listen 127.0.0.1:%u http2; include locations; }\n"
    "  server { listen 127.0.0.1:%u ssl; include locations; }\n"
    "  server { listen 127.0.0.1:%u ssl http2; keepalive_requests 10; include locations; }\n"
    "}\n";

static const char locations[] =
    "root .;\n"
    "location = /who { return 200 '$server_protocol $http_host $ssl_server_name $connection "
    "$ssl_client_verify'; }\n"
    "location = /nothing { return 204; }\n"
    "location = /slow { alias big; limit_rate 1m; }\n"
    "location = /post { return 200 '$request_method $content_length $content_type'; }\n";

static void configure(struct nginx *n)
{
    AUTO(buf_done) struct buf text = {.cap = 4096};
    unsigned ports[ARRAY_LEN(n->listening)];

    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        ports[i] = listen_anywhere(&n->listening[i]);
    snprintf(n->tls, sizeof n->tls, "https://127.0.0.1:%u", ports[0]);
    snprintf(n->clients, sizeof n->clients, "https://127.0.0.1:%u", ports[1]);
    snprintf(n->clear, sizeof n->clear, "http://127.0.0.1:%u", ports[2]);
    snprintf(n->http1, sizeof n->http1, "https://127.0.0.1:%u", ports[3]);
    snprintf(n->short_lived, sizeof n->short_lived, "https://127.0.0.1:%u", ports[4]);
    buf_printf(&text, configuration, getuid() == 0 ? "user root;" : "", ports[0], ports[1],
               ports[2], ports[3], ports[4]);
    write_file(n, "nginx.conf", text.p, text.n);
    write_file(n, "locations", locations, sizeof locations - 1);
}

/* nginx takes listening sockets over from a process that it thinks it replaces. */
static void run(const struct nginx *n)
{
    struct buf inherited = {.cap = 256};

    for (size_t i = 0; i < ARRAY_LEN(n->listening); i++)
        buf_printf(&inherited, "%d;", n->listening[i]);
    buf_add_char(&inherited, '\0');
    setenv("NGINX", inherited.p, 1);
    setpgid(0, 0);                    /* its worker too is killed with it */
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* when the test dies, both do */
    execlp("nginx", "nginx", "-p", n->folder, "-c", "nginx.conf", "-e", "error.log", (char *)NULL);
    _exit(127);
}

void nginx_start(struct nginx *n)
{
    *n = (struct nginx){.folder = "/tmp/hlsgate-nginx-XXXXXX"};
    assert_non_null(mkdtemp(n->folder));
    snprintf(n->ca, sizeof n->ca, "%s/ca.pem", n->folder);
    snprintf(n->certificate, sizeof n->certificate, "%s/us.pem", n->folder);
    snprintf(n->key, sizeof n->key, "%s/us.key", n->folder);
    make_certificates(n);
    make_big(n);
    configure(n);
    n->pid = fork();
    assert_true(n->pid >= 0);
    if (n->pid == 0)
        run(n);
    setpgid(n->pid, n->pid); /* whoever comes first */
    for (size_t i = 0; i < ARRAY_LEN(n->listening); i++)
        close(n->listening[i]); /* who connects meanwhile waits in the queue that nginx has, too */
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

void nginx_kill(struct nginx *n)
{
    if (n->pid > 0) {
        kill(-n->pid, SIGKILL);
        waitpid(n->pid, NULL, 0);
    }
    n->pid = 0;
}

void nginx_stop(struct nginx *n)
{
    nginx_kill(n);
    nftw(n->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* In the world */

struct nginx nginx;

int nginx_group_setup(void **state)
{
    nginx_start(&nginx);
    return 0;
}

int nginx_group_teardown(void **state)
{
    nginx_stop(&nginx);
    return 0;
}

int nginx_world_setup(void **state)
{
    struct world *w;
    int r = world_setup(state);

    w = *state;
    w->at.base = nginx.tls;
    w->at.host = "o1.example";
    w->at.ca_file = nginx.ca;
    return r;
}

void nginx_check_who(struct world *w, const char *want)
{
    struct seen s = {0};

    world_get(w, &s, "/who");
    ASSERT_ERROR(&s, 0);
    assert_int_equal(s.status, 200);
    buf_add_char(&s.body, '\0');
    if (strstr(s.body.p, want) == NULL)
        fail_msg("'%s' is not in '%s'", want, s.body.p);
    seen_done(&s);
}

void nginx_check_big(const struct seen *s)
{
    for (uint64_t i = 0; i < s->body.n; i++)
        if (s->body.p[i] != peer_pattern(i))
            fail_msg("byte %llu is wrong", (unsigned long long)i);
}
