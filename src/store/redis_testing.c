#include "store/redis_testing.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

enum { START_TRIES = 2000, DRAINS_MAX = 100000, SWEEPS = 4 };

static void run(const struct redis_server *s)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(s->folder) == 0 && freopen("log", "w", stdout) != NULL)
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", "socket", "--save",
               "", "--appendonly", "no", (char *)NULL);
    _exit(127);
}

static redisContext *connect_to(const struct redis_server *s)
{
    redisContext *c = redisConnectUnix(s->address + 5);

    if (c != NULL && c->err == 0)
        return c;
    redisFree(c);
    return NULL;
}

static bool answers(const struct redis_server *s)
{
    redisContext *c = connect_to(s);

    if (c != NULL)
        redisFree(c);
    return c != NULL;
}

void redis_server_start(struct redis_server *s)
{
    *s = (struct redis_server){.folder = "/tmp/hlsgate_redis_XXXXXX"};
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->address, sizeof s->address, "unix:%s/socket", s->folder);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0)
        run(s);
    for (int i = 0; !answers(s); i++) {
        if (i == START_TRIES || waitpid(s->pid, NULL, WNOHANG) != 0)
            fail_msg("redis-server does not start");
        usleep(1000); /* polls for the socket */
    }
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *walk)
{
    return remove(name);
}

void redis_server_stop(struct redis_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void redis_server_say(const struct redis_server *s, const char *command, char ret[256])
{
    redisContext *c = connect_to(s);
    redisReply *reply;

    assert_non_null(c);
    reply = redisCommand(c, command);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(ret, 256, "%lld", reply->integer);
    else
        snprintf(ret, 256, "%s", reply->str != NULL ? reply->str : "");
    freeReplyObject(reply);
    redisFree(c);
}

struct store *redis_server_open(const struct redis_server *s, const struct store_rules *rules,
                                const struct store_redis_options *more)
{
    static unsigned count;
    char prefix[32];
    struct store_redis_options o =
        more != NULL ? *more
                     : (struct store_redis_options){.connections = 1, .timeout = 5 * USEC_PER_SEC};
    struct store *ret = NULL;
    struct buf error;

    buf_init(&error, 1000);
    snprintf(prefix, sizeof prefix, "test%u:", count++);
    o.server = str_of(s->address);
    if (o.prefix.n == 0)
        o.prefix = str_of(prefix);
    assert_int_equal(store_open_redis(&o, rules, &ret, &error), 0);
    buf_done(&error);
    return ret;
}

void redis_server_sweep(struct store *s, unix_t now)
{
    struct loop *l = loop_new();
    struct store_worker *worker = store_worker_new(s, l);
    struct redis_worker *w = redis_worker(worker);

    store_housekeep(worker);
    for (int i = 0; i < SWEEPS; i++) {
        for (int turns = 0; !redis_feed_is_idle(w->feed) && turns < DRAINS_MAX; turns++)
            redis_link_drain(w->link, 5 * USEC_PER_SEC);
        redis_feed_sweep(w->feed, now);
    }
    while (!redis_feed_is_idle(w->feed))
        redis_link_drain(w->link, 5 * USEC_PER_SEC);
    store_worker_free(&worker);
    loop_free(&l);
}
