/* Who asks for what, in which order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eviction.h"

/* splitmix64 (Vigna): the same numbers everywhere. */
static uint64_t seed;

static uint64_t next_random(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(((next_random() >> 32) * n) >> 32);
}

static double unit(void)
{
    return (double)(next_random() >> 11) * 0x1p-53;
}

/* Bytes of four seconds of 0.8, 2.5, 5 and 8 Mbit/s, give or take a quarter. */
enum { RENDITIONS = 4 };

static uint32_t segment_size(unsigned rendition)
{
    static const uint32_t sizes[RENDITIONS] = {400000, 1250000, 2500000, 4000000};
    uint32_t size = sizes[rendition % RENDITIONS];

    return size - size / 4 + below(size / 2);
}

static void trace_init(struct trace *t, const char *name, size_t requests, size_t objects)
{
    seed = 1;
    *t = (struct trace){.name = name,
                        .requests = xcalloc(requests, sizeof(uint32_t)),
                        .sizes = xcalloc(objects, sizeof(uint32_t)),
                        .object_count = objects};
    for (size_t i = 0; i < objects; i++)
        t->sizes[i] = segment_size(below(RENDITIONS));
}

void trace_done(struct trace *t)
{
    free(t->requests);
    free(t->sizes);
}

static void ask(struct trace *t, uint32_t object)
{
    t->requests[t->request_count++] = object;
}

/* ---- Zipf ---- */

struct zipf {
    double *up_to; /* owned; how likely ranks up to this one are */
    uint32_t n;
};

static void zipf_init(struct zipf *z, uint32_t n, double alpha)
{
    double sum = 0;

    *z = (struct zipf){xcalloc(n, sizeof(double)), n};
    for (uint32_t i = 0; i < n; i++)
        z->up_to[i] = sum += pow(i + 1, -alpha);
    for (uint32_t i = 0; i < n; i++)
        z->up_to[i] /= sum;
}

static uint32_t zipf_draw(const struct zipf *z)
{
    double u = unit();
    uint32_t low = 0, high = z->n - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (z->up_to[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Sizes are drawn without regard to the rank, so it may be the object's number. */
void trace_zipf(struct trace *ret, const char *name, double alpha)
{
    enum { OBJECTS = 100000, REQUESTS = 2000000 };
    struct zipf z;

    trace_init(ret, name, REQUESTS, OBJECTS);
    zipf_init(&z, OBJECTS, alpha);
    for (int i = 0; i < REQUESTS; i++)
        ask(ret, zipf_draw(&z));
    free(z.up_to);
}

/* ---- live ---- */

/*
 * Each tick is one segment's time: every channel has one more in each rendition, and every viewer
 * asks for the next one of his. Four in five are at the live edge; 15 % are up to 30 segments
 * behind, as slow or paused players are; 5 % watch what began up to an hour ago. One in 300 leaves
 * each tick, and somebody else comes.
 */
enum {
    CHANNELS = 100,
    VIEWERS = 3000,
    TICKS = 1800, /* two hours */
    EDGE = 3,
    WINDOW = 30,
    HOUR = 900,
    STAY = 300,
    SEGMENTS = HOUR + TICKS, /* of one rendition of a channel */
    LIVE_OBJECTS = CHANNELS * RENDITIONS * SEGMENTS,
    SCAN_EACH_TICK = 500, /* requests for films, each for something nobody asked for before */
};

struct viewer {
    uint32_t first; /* object: the first segment of channel and rendition */
    uint32_t lag;
};

static void viewer_arrives(struct viewer *v, const struct zipf *channels)
{
    uint32_t what = below(100);

    v->first = (zipf_draw(channels) * RENDITIONS + below(RENDITIONS)) * SEGMENTS;
    if (what < 80)
        v->lag = below(EDGE);
    else if (what < 95)
        v->lag = 1 + below(WINDOW);
    else
        v->lag = WINDOW + below(HOUR - WINDOW);
}

static void shuffle(struct viewer *v, uint32_t n)
{
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t other = below(i + 1);
        struct viewer swap = v[i];

        v[i] = v[other];
        v[other] = swap;
    }
}

/* The scan's requests stand evenly between the viewers'. */
static void tick(struct trace *t, struct viewer *viewers, const struct zipf *channels,
                 uint32_t edge, uint32_t scan, uint32_t scan_count)
{
    shuffle(viewers, VIEWERS);
    for (uint32_t i = 0; i < VIEWERS; i++) {
        struct viewer *v = &viewers[i];

        ask(t, v->first + edge - v->lag);
        if (scan_count > 0 && i % (VIEWERS / scan_count) == 0)
            ask(t, scan++);
        if (below(STAY) == 0)
            viewer_arrives(v, channels);
    }
}

void trace_live(struct trace *ret, const char *name, bool with_scan)
{
    static struct viewer viewers[VIEWERS];
    uint32_t scan_count = with_scan ? SCAN_EACH_TICK : 0;
    struct zipf channels;

    trace_init(ret, name, (size_t)TICKS * (VIEWERS + scan_count),
               LIVE_OBJECTS + (size_t)TICKS * scan_count);
    zipf_init(&channels, CHANNELS, 1.0);
    for (int i = 0; i < VIEWERS; i++)
        viewer_arrives(&viewers[i], &channels);
    for (uint32_t now = 0; now < TICKS; now++)
        tick(ret, viewers, &channels, HOUR + now, LIVE_OBJECTS + now * scan_count, scan_count);
    free(channels.up_to);
}
