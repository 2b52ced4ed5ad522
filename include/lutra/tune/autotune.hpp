// lutra/tune/autotune.hpp: the fastest nprobe and k_factor that reach a recall, by measuring.  SPDX-License-Identifier: MIT
//
// Recall grows with both. So for each k_factor, from the largest down, the least nprobe that reaches the target is found by
// doubling and halving, beginning where the last k_factor ended: these points are all that can be fastest. They are timed in
// turns, and the fastest wins. Compared with a grid this looks at whole numbers of lists and times only what reaches the target.
#pragma once
#include <lutra/core/hits.hpp>
#include <lutra/factory/index.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

struct AutotuneConfig {
    double recall = 0.95;  ///< of the true k nearest, the share among the k returned
    std::size_t k = 10;
    double seconds = 0.5;  ///< to time each point that reaches the target
};

/// How an index is searched, and what that gives. nprobe, k_factor: 0 where there is no such stage.
struct OperatingPoint {
    std::size_t nprobe = 0;
    float k_factor = 0;
    double recall = 0, queries_per_second = 0;
};

struct Tuned {
    bool reached = false;  ///< false: the target is out of reach, best is the point with most recall
    OperatingPoint best;
    std::vector<OperatingPoint> pareto;  ///< of the points looked at those that no other beats in both, by rising recall
};

/// Measures searches for queries [nq, d] in one call each, with truth [nq, truth_k], truth_k >= k: the true nearest ids, best
/// first, -1 where there are none. The index is not changed. Times are those of this machine and of the executor given. Errors:
/// bad_argument (shapes, recall outside 0 .. 1, no queries), and those of search().
Result<Tuned> autotune(const Index& index, MatrixView queries, std::span<const Id> truth, const AutotuneConfig& config = {},
                       const Resources& resources = {});

namespace detail {

/// The share of the true k nearest that are among the k found, over all rows of truth [n, truth_k] and found [n, k].
inline double recall_of(std::span<const Id> truth, std::size_t truth_k, std::span<const Id> found, std::size_t k) {
    std::size_t wanted = 0, there = 0;
    for (std::size_t i = 0; i < found.size() / k; ++i) {
        const auto got = found.subspan(i * k, k);
        for (const Id id : truth.subspan(i * truth_k, k)) {
            wanted += id != kNoId;
            there += id != kNoId && std::find(got.begin(), got.end(), id) != got.end();
        }
    }
    return wanted == 0 ? 1 : double(there) / double(wanted);
}

class Autotuner {
public:
    Autotuner(const Index& index, MatrixView queries, std::span<const Id> truth, const AutotuneConfig& config, Resources resources)
        : index_(index), queries_(queries), truth_(truth), config_(config), resources_(resources), hits_(queries.n, config.k) {
        if (resources_.workspace == nullptr) resources_.workspace = &own_;
    }

    Result<Tuned> run() {
        std::size_t least = index_.nlist() == 0 ? 0 : 1;
        for (const float k_factor : factors()) {
            LUTRA_TRY(find_least(k_factor, least));
            if (least == kNone || (!frontier_.empty() && least > 4 * frontier_.front().nprobe)) break;
            frontier_.push_back(seen_.back());
        }
        if (frontier_.empty()) return out_of_reach();
        LUTRA_TRY(time_frontier());
        return result(true, *std::max_element(frontier_.begin(), frontier_.end(), slower));
    }

private:
    static constexpr std::size_t kNone = ~std::size_t{0};
    static constexpr std::size_t kRounds = 3;

    static bool slower(const OperatingPoint& a, const OperatingPoint& b) { return a.queries_per_second < b.queries_per_second; }

    std::vector<float> factors() const {
        if (index_.k_factor() == 0) return {0};
        return {64, 48, 32, 24, 16, 12, 8, 6, 5, 4, 3, 2.5F, 2, 1.5F, 1};
    }

    // From `least` on the least nprobe that reaches the target, which is then the last of seen_; kNone if there is none.
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

    // One search of all queries: its recall, and its time for the list of points.
    Status look_at(std::size_t nprobe, float k_factor) {
        OperatingPoint point{nprobe, k_factor};
        LUTRA_TRY(time_once(point));
        point.recall = recall_of(truth_, truth_.size() / queries_.n, hits_.ids, config_.k);
        seen_.push_back(point);
        return {};
    }

    Status time_once(OperatingPoint& point) {
        using Clock = std::chrono::steady_clock;
        SearchParams params;
        params.nprobe = point.nprobe, params.k_factor = point.k_factor;
        const auto start = Clock::now();
        LUTRA_TRY(index_.search(queries_, config_.k, hits_.view(), params, resources_));
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        point.queries_per_second = std::max(point.queries_per_second, double(queries_.n) / std::max(seconds, 1e-9));
        return {};
    }

    // In turns, so that what disturbs the machine disturbs all; the best time of each counts.
    Status time_frontier() {
        for (std::size_t round = 0; round < kRounds; ++round)
            for (OperatingPoint& point : frontier_) {
                double spent = 0;
                do {
                    LUTRA_TRY(time_once(point));
                    spent += double(queries_.n) / point.queries_per_second;
                } while (spent < config_.seconds / kRounds);
            }
        return {};
    }

    Tuned out_of_reach() const {
        const auto less = [](const OperatingPoint& a, const OperatingPoint& b) {
            return a.recall != b.recall ? a.recall < b.recall : slower(a, b);
        };
        return result(false, *std::max_element(seen_.begin(), seen_.end(), less));
    }

    Tuned result(bool reached, const OperatingPoint& best) const {
        std::vector<OperatingPoint> all = seen_, kept;
        all.insert(all.end(), frontier_.begin(), frontier_.end());
        std::sort(all.begin(), all.end(), [](const OperatingPoint& a, const OperatingPoint& b) { return slower(b, a); });
        for (const OperatingPoint& point : all)  // fastest first: each must bring more recall than all before it
            if (kept.empty() || point.recall > kept.back().recall) kept.push_back(point);
        return {reached, best, std::move(kept)};
    }

    const Index& index_;
    MatrixView queries_;
    std::span<const Id> truth_;
    const AutotuneConfig& config_;
    Resources resources_;
    Workspace own_;
    Hits hits_;
    std::vector<OperatingPoint> seen_, frontier_;
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
    return detail::Autotuner(index, queries, truth, config, resources).run();
}

}  // namespace lutra::inline LUTRA_ABI_TAG
