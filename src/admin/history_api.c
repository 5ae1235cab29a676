/* GET /api/history: the charts of the dashboard. */
#include "admin/endpoints.h"

#include "admin/history_json.h"
#include "admin/input.h"

static enum history_range take_range(struct input *in)
{
    struct str word = input_str(in, "range", INPUT_SAYS_SOMETHING, INPUT_WORD_MAX);
    enum history_range range = word.p != NULL ? history_range_parse(word) : HISTORY_MINUTES_5;

    if (range == HISTORY_RANGE_COUNT)
        input_wrong(in, "range",
                    "must be one of"
#define X(name, word, step, points) " " word
                    HISTORY_RANGES(X)
#undef X
        );
    return range;
}

const struct step *run_history(struct req *r)
{
    struct history_point *points;
    enum history_range range;
    struct input in;
    unsigned n;

    input_from_query(&in, &r->arena, r->url.query);
    range = take_range(&in);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    points = arena_alloc(&r->arena, HISTORY_POINTS_MAX * sizeof *points);
    if (points == NULL)
        return req_fail(r, OUT_INTERNAL);
    n = sampler_points(admin_of(r)->sampler, range, points);
    return api_answer(r, OUT_OK, json_of_history(range, points, n));
}
