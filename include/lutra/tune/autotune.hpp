// lutra/tune/autotune.hpp: finds the fastest nprobe and k_factor that reach a recall, by measuring.  SPDX-License-Identifier: MIT
//
// Recall grows with both. So for each k_factor, from the largest down, doubling and halving find the least nprobe that reaches the
// target, starting where the last k_factor ended: only these points can be the fastest. They are timed in turns, with a few more
// over the whole range of recalls, and the fastest that reaches the target wins. Unlike a grid search this tries any number of
// lists, and does not time points that another clearly beats.
#pragma once
#include <lutra/core/guarded.hpp>
#include <lutra/core/hits.hpp>
#include <lutra/core/progress.hpp>
#include <lutra/factory/index.hpp>
#include <lutra/tune/recall.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

struct AutotuneConfig {
    double recall = 0.95;  ///< of the true k nearest, the share among the k returned; see RecallJudge
    std::size_t k = 10;
    double seconds = 0.5;   ///< to time each point
    BaseVectors base = {};  ///< the vectors, which an index of codes alone needs to count ties by distance
};

/// Search settings and their measured recall and speed. nprobe, k_factor: 0 if the index has no such stage.
struct OperatingPoint {
    std::size_t nprobe = 0;
    float k_factor = 0;
    double recall = 0, queries_per_second = 0;
};

struct Tuned {
    bool reached = false;  ///< false: no setting reaches the target; best is the point with the highest recall
    OperatingPoint best;
    std::vector<OperatingPoint> pareto;  ///< the timed points that no other beats in both recall and speed, by rising recall
};

/// Measures searches for queries [nq, d] in one call each, with truth [nq, truth_k], truth_k >= k: the true nearest ids, best
/// first, -1 where there are none. The index is not changed. Times are those of this machine and of the executor given. Errors:
/// bad_argument (shapes, recall outside 0 .. 1, no queries), cancelled (resources.progress is asked before each search), and those
/// of search() and of reading the base.
Result<Tuned> autotune(const Index& index, MatrixView queries, std::span<const Id> truth, const AutotuneConfig& config = {},
                       const Resources& resources = {});

namespace detail {

class Autotuner {
public:
    Autotuner(const Index& index, MatrixView queries, const RecallJudge& judge, const AutotuneConfig& config,
              const Resources& resources)
        : index_(index), queries_(queries), judge_(judge), config_(config), workspace_(resources), hits_(queries.n, config.k) {}

    Result<Tuned> run() {
        LUTRA_TRY(look_for_target());
        const bool reached = !timed_.empty();
        LUTRA_TRY(look_around(reached ? std::min(4 * timed_.front().nprobe, index_.nlist()) : index_.nlist()));
        if (!reached) timed_.push_back(*std::max_element(seen_.begin(), seen_.end(), worse));
        LUTRA_TRY(time_all());
        return Tuned{reached, best(reached), pareto()};
    }

private:
    static constexpr std::size_t kNone = ~std::size_t{0};
    static constexpr std::size_t kRounds = 3;

    static bool slower(const OperatingPoint& a, const OperatingPoint& b) { return a.queries_per_second < b.queries_per_second; }
    static bool worse(const OperatingPoint& a, const OperatingPoint& b) {
        return a.recall != b.recall ? a.recall < b.recall : slower(a, b);
    }

    std::vector<float> factors() const {
        if (index_.k_factor() == 0) return {0};
        return {64, 48, 32, 24, 16, 12, 8, 6, 5, 4, 3, 2.5F, 2, 1.5F, 1};
    }

    // Finds for each k_factor the point with the least nprobe that reaches the target.
    Status look_for_target() {
        std::size_t least = index_.nlist() == 0 ? 0 : 1;
        const std::vector<float> all = factors();
        begin("tune: least nprobe", all.size());
        for (const float k_factor : all) {
            LUTRA_TRY(find_least(k_factor, least));
            if (least == kNone || (!timed_.empty() && least > 4 * timed_.front().nprobe)) break;
            LUTRA_TRY(time_once(seen_.back()));  // a second time, as in look_around()
            timed_.push_back(seen_.back());
            ++step_.done;
        }
        return end();
    }

    // Finds the least nprobe, from `least` on, that reaches the target; its point is then the last of seen_. kNone if there is
    // none.
    Status find_least(float k_factor, std::size_t& least) {
        std::size_t low = least, high = least;  // low - 1 is known to be too few
        OperatingPoint reached;
        for (;; low = high + 1, high = std::min(2 * high, index_.nlist())) {
            LUTRA_TRY(look_at(high, k_factor));
            if (seen_.back().recall >= config_.recall) break;
            if (high >= index_.nlist()) return least = kNone, Status{};
        }
        for (reached = seen_.back(); low < high;) {
            const std::size_t middle = low + (high - low) / 2;
            LUTRA_TRY(look_at(middle, k_factor));
            if (seen_.back().recall >= config_.recall)
                high = middle, reached = seen_.back();
            else
                low = middle + 1;
        }
        seen_.push_back(reached);
        return least = high, Status{};
    }

    // Adds points over the whole range of recalls, up to `most` lists. Points that another clearly beats are not timed.
    Status look_around(std::size_t most) {
        std::vector<OperatingPoint> around;
        for (std::size_t nprobe = std::min<std::size_t>(most, 1); nprobe <= most; nprobe = std::max<std::size_t>(1, 2 * nprobe))
            for (const float k_factor : {1.F, 2.F, 4.F, 10.F})
                if (around.empty() || index_.k_factor() != 0 || nprobe != around.back().nprobe)
                    around.push_back({nprobe, index_.k_factor() == 0 ? 0 : k_factor});
        begin("tune: points", around.size());
        for (OperatingPoint& point : around) {
            LUTRA_TRY(look_at(point.nprobe, point.k_factor));
            LUTRA_TRY(time_once(seen_.back()));  // a second time: the first search is cold
            point = seen_.back();
            ++step_.done;
        }
        std::copy_if(around.begin(), around.end(), std::back_inserter(timed_), [&](const auto& point) { return !is_timed(point); });
        std::erase_if(timed_, [&](const auto& point) { return is_clearly_beaten(point); });
        return end();
    }

    bool is_timed(const OperatingPoint& point) const {
        const auto same = [&](const OperatingPoint& o) { return o.nprobe == point.nprobe && o.k_factor == point.k_factor; };
        return std::any_of(timed_.begin(), timed_.end(), same);
    }

    bool is_clearly_beaten(const OperatingPoint& point) const {
        return std::any_of(seen_.begin(), seen_.end(), [&](const OperatingPoint& other) {
            return other.recall >= point.recall && other.queries_per_second > 2 * point.queries_per_second;
        });
    }

    // One search of all queries: its recall, and about its time.
    Status look_at(std::size_t nprobe, float k_factor) {
        LUTRA_TRY(report());
        OperatingPoint point{nprobe, k_factor};
        LUTRA_TRY(time_once(point));
        const Result<double> recall = judge_.recall(hits_, config_.k);
        LUTRA_TRY(recall.status());
        point.recall = *recall;
        seen_.push_back(point);
        return {};
    }

    Status time_once(OperatingPoint& point) {
        using Clock = std::chrono::steady_clock;
        SearchParams params;
        params.nprobe = point.nprobe, params.k_factor = point.k_factor;
        const auto start = Clock::now();
        LUTRA_TRY(index_.search(queries_, config_.k, hits_.view(), params, workspace_.resources()));
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        point.queries_per_second = std::max(point.queries_per_second, double(queries_.n) / std::max(seconds, 1e-9));
        return {};
    }

    // In turns, so that disturbances of the machine hit all points alike; the best time of each counts.
    Status time_all() {
        begin("tune: timing", kRounds * timed_.size());
        for (std::size_t round = 0; round < kRounds; ++round)
            for (OperatingPoint& point : timed_) {
                LUTRA_TRY(time_for(point, config_.seconds / kRounds));
                ++step_.done;
            }
        return end();
    }

    Status time_for(OperatingPoint& point, double seconds) {
        double spent = 0;
        do {
            LUTRA_TRY(report());
            LUTRA_TRY(time_once(point));
            spent += double(queries_.n) / point.queries_per_second;
        } while (spent < seconds);
        return {};
    }

    // The fastest point at or above the target; if none reaches it, the one with the highest recall.
    OperatingPoint best(bool reached) const {
        const auto less = [&](const OperatingPoint& a, const OperatingPoint& b) {
            const bool a_below = a.recall < config_.recall, b_below = b.recall < config_.recall;
            if (!reached) return worse(a, b);
            return a_below != b_below ? a_below : slower(a, b);
        };
        return *std::max_element(timed_.begin(), timed_.end(), less);
    }

    std::vector<OperatingPoint> pareto() const {
        std::vector<OperatingPoint> all = timed_, kept;
        std::sort(all.begin(), all.end(), [](const OperatingPoint& a, const OperatingPoint& b) { return slower(b, a); });
        for (const OperatingPoint& point : all)  // fastest first: each must bring more recall than all before it
            if (kept.empty() || point.recall > kept.back().recall) kept.push_back(point);
        return kept;
    }

    void begin(std::string_view stage, std::size_t total) { step_ = {stage, 0, total}; }
    Status end() { return step_.done = step_.total, report(); }
    Status report() const {  // in rows searched, at least
        return workspace_.resources().progress.report(step_.stage, step_.done * queries_.n, step_.total * queries_.n);
    }

    const Index& index_;
    MatrixView queries_;
    const RecallJudge& judge_;
    const AutotuneConfig& config_;
    BorrowedWorkspace workspace_;
    Hits hits_;
    std::vector<OperatingPoint> seen_, timed_;
    ProgressEvent step_{};
};

}  // namespace detail

inline Result<Tuned> autotune(const Index& index, MatrixView queries, std::span<const Id> truth, const AutotuneConfig& config,
                              const Resources& resources) {
    if (queries.n == 0 || config.k == 0 || truth.size() % queries.n != 0 || truth.size() / queries.n < config.k)
        return Status{Errc::bad_argument,
                      "autotune: {} queries, k = {}, {} true ids; accepted: queries, each with its k nearest or more", queries.n,
                      config.k, truth.size()};
    if (!(config.recall > 0 && config.recall <= 1))
        return Status{Errc::bad_argument, "autotune: recall = {}; accepted: above 0, at most 1", config.recall};
    return guarded("autotune", [&]() -> Result<Tuned> {
        const Result<RecallJudge> judge = RecallJudge::make(index, queries, truth, config.k, config.base);
        LUTRA_TRY(judge.status());
        return detail::Autotuner(index, queries, *judge, config, resources).run();
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
