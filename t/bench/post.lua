-- wrk: the request that each connection repeats, from the environment

wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")

function done(summary, latency, requests)
  io.write(string.format("bench %d %d %d\n", summary.requests,
                         summary.duration,
                         summary.errors.connect + summary.errors.read
                         + summary.errors.write + summary.errors.status
                         + summary.errors.timeout))
end
