// bench/index/points/serve.cpp: see serve.hpp.  Main path: serve() -> answer() -> build(), measure(), kmeans().
// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "jobs.hpp"

#include <lutra/io/file.hpp>
#include <lutra/io/npy.hpp>
#include <lutra/kernels/byte_tiles.hpp>
#include <lutra/simd/arch.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <map>

namespace points {

namespace {
using nlohmann::json;

/// What lives from one request to the next.
struct Session {
    Bench bench;
    std::map<std::string, Rows> queries;  // loaded once

    MatrixView queries_of(const std::string& path) {
        const auto found = queries.find(path);
        return found != queries.end() ? found->second.view() : queries.emplace(path, load_rows(path)).first->second.view();
    }
};

json hello() {
    const Identity id = identity();
    return {{"system", "lutra"}, {"version", id.version}, {"isa", id.isa}, {"compiler", id.compiler}};
}

json build(Session& session, const json& ask) {
    const Built built = session.bench.build({.factory = ask.at("factory").get<std::string>(),
                                             .metric = ask.value("metric", "l2"),
                                             .base = ask.at("base").get<std::string>(),
                                             .train = ask.value("train", ""),
                                             .threads = ask.value("threads", std::size_t{1})});
    return {{"train_s", built.train_s},
            {"add_s", built.add_s},
            {"peak_bytes", built.peak_bytes},
            {"bytes_per_vector", built.bytes_per_vector}};
}

/// {"nprobe": 8} as parse_search_params() reads it.
std::string params_text(const json& params) {
    std::string text;
    for (const auto& [name, value] : params.items()) text += (text.empty() ? "" : ",") + name + "=" + value.dump();
    return text;
}

void save_ids(const std::string& path, const Measured& m, std::size_t k) {
    const Status saved = write_file(path, [&](Writer& out) { return write_npy(out, m.ids.data(), m.answered, k); });
    if (!saved) throw Error(saved);
}

json measure(Session& session, const json& ask) {
    const MeasureJob job{.params = params_text(ask.value("params", json::object())),
                         .batch = ask.value("batch", std::size_t{0}),
                         .k = ask.value("k", std::size_t{10}),
                         .seconds = ask.value("seconds", 1.0)};
    const Measured m = session.bench.measure(job, session.queries_of(ask.at("queries").get<std::string>()));
    save_ids(ask.at("ids_file").get<std::string>(), m, job.k);
    return {{"calls", m.calls}, {"batch_qps", m.batch_qps}, {"p50_us", m.p50_us}, {"p99_us", m.p99_us}};
}

json prepare(Session& session, const json& ask) {
    const MeasureJob job{
        .params = params_text(ask.value("params", json::object())), .batch = 0, .k = ask.at("k").get<std::size_t>()};
    session.bench.prepare(job, load_rows(ask.at("queries").get<std::string>()));
    return json::object();
}

json ids(const Hits& hits) {
    json rows = json::array();
    for (std::size_t i = 0; i < hits.nq; ++i)
        rows.push_back(std::vector<Id>(hits.ids.data() + i * hits.k, hits.ids.data() + (i + 1) * hits.k));
    return {{"ids", rows}};
}

json kmeans(Session& session, const json& ask) {
    const json settings = ask.value("settings", json::object());
    const Clustered done = session.bench.kmeans({.base = ask.at("base").get<std::string>(),
                                                 .k = ask.at("k").get<std::size_t>(),
                                                 .iterations = ask.at("iterations").get<std::size_t>(),
                                                 .threads = ask.value("threads", std::size_t{1}),
                                                 .seed = ask.value("seed", std::uint32_t{1234}),
                                                 .kind = settings.value("kind", std::string("full")),
                                                 .batch = settings.value("batch", std::size_t{1024})});
    const MatrixView centroids{done.centroids.data(), done.k, done.d};
    const Status saved =
        write_file(ask.at("centroids_file").get<std::string>(), [&](Writer& out) { return write_npy(out, centroids); });
    if (!saved) throw Error(saved);
    return {{"seconds", done.seconds}};
}

json answer(Session& session, const json& ask) {
    const std::string what = ask.at("do").get<std::string>();
    if (what == "hello") return hello();
    if (what == "build") return build(session, ask);
    if (what == "measure") return measure(session, ask);
    if (what == "kmeans") return kmeans(session, ask);
    if (what == "prepare") return prepare(session, ask);
    if (what == "search") return {{"seconds", session.bench.search_prepared()}};
    if (what == "ids") return ids(session.bench.prepared_hits());
    return {{"error", "do: \"" + what + "\"; hello, build, measure, kmeans, prepare, search and ids are accepted"}};
}

std::string answer_line(Session& session, const std::string& line) {
    try {
        return answer(session, json::parse(line)).dump();
    } catch (const std::exception& error) {
        return json{{"error", error.what()}}.dump();
    }
}
}  // namespace

Identity identity() {
    const std::string version =
        std::to_string(LUTRA_VERSION_MAJOR) + "." + std::to_string(LUTRA_VERSION_MINOR) + "." + std::to_string(LUTRA_VERSION_PATCH);
#if defined(__clang__)
    const std::string compiler = "clang " __clang_version__;
#else
    const std::string compiler = "g++ " __VERSION__;
#endif
    const std::string_view bytes = bytes_name();
    const std::string isa = std::string(isa_name()) + (bytes.empty() ? "" : ", bytes by ") + std::string(bytes);
    return {version, isa, compiler + " " LUTRA_BENCH_FLAGS};
}

void serve() {
    Session session;
    for (std::string line; std::getline(std::cin, line);) std::cout << answer_line(session, line) << std::endl;
}

}  // namespace points
