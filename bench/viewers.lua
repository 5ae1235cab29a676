-- Asks as many viewers in turn: each line of the file in BENCH_VIEWERS is "path?query<TAB>User-Agent".
local requests, at = {}, 0

function init(args)
    for line in io.lines(os.getenv("BENCH_VIEWERS")) do
        local target, agent = line:match("^(%S+)\t(.+)$")
        requests[#requests + 1] = wrk.format("GET", target, { ["User-Agent"] = agent, ["Host"] = wrk.headers["Host"] })
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
