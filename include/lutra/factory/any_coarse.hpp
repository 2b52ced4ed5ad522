// lutra/factory/any_coarse.hpp: AnyCoarse, one type for all coarse quantizers of factory strings, so that Ivf is compiled once for
// each encoding.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/coarse/one_list.hpp>
#include <lutra/factory/index_coarse.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace lutra::inline LUTRA_ABI_TAG {

/// The coarse quantizer of "IVF{n}" or "IVF{n}(index)", or of an index without lists. Costs one branch a call; a call has many
/// rows.
class AnyCoarse {
public:
    explicit AnyCoarse(OneList coarse) : coarse_(coarse) {}
    explicit AnyCoarse(FlatCoarse coarse) : coarse_(std::move(coarse)) {}
    explicit AnyCoarse(IndexCoarse coarse) : coarse_(std::move(coarse)) {}

    bool learns() const {
        return std::visit([](const auto& c) { return c.learns(); }, coarse_);
    }
    AnyCoarse untrained() const {
        return std::visit([](const auto& c) { return AnyCoarse(c.untrained()); }, coarse_);
    }
    Status build(AlignedVector<float> centroids, std::size_t nlist, std::size_t d, Metric metric, const Resources& resources = {}) {
        return std::visit([&](auto& c) { return c.build(std::move(centroids), nlist, d, metric, resources); }, coarse_);
    }
    std::size_t nlist() const {
        return std::visit([](const auto& c) { return c.nlist(); }, coarse_);
    }
    const float* centroid(std::size_t list) const {
        return std::visit([&](const auto& c) { return c.centroid(list); }, coarse_);
    }
    std::string token() const {
        return std::visit([](const auto& c) { return c.token(); }, coarse_);
    }
    void probe(MatrixView q, std::size_t nprobe, Id* lists, float* distances, Arena& arena) const {
        std::visit([&](const auto& c) { c.probe(q, nprobe, lists, distances, arena); }, coarse_);
    }
    std::size_t probe_bytes(std::size_t n, std::size_t nprobe) const {
        return std::visit([&](const auto& c) { return c.probe_bytes(n, nprobe); }, coarse_);
    }
    void assign(MatrixView x, Id* lists, Arena& arena) const {
        std::visit([&](const auto& c) { c.assign(x, lists, arena); }, coarse_);
    }
    bool takes_lengths() const {
        return std::visit([](const auto& c) { return c.takes_lengths(); }, coarse_);
    }
    bool wants_spreads() const {
        return std::visit([](const auto& c) { return c.wants_spreads(); }, coarse_);
    }
    void set_spreads(std::span<const float> rms) {
        std::visit([&](auto& c) { c.set_spreads(rms); }, coarse_);
    }
    Status save(Writer& out, std::size_t d, Metric metric) const {
        return std::visit([&](const auto& c) { return c.save(out, d, metric); }, coarse_);
    }
    /// In load_record.hpp, which knows all records. `depth` counts records in records.
    static Result<AnyCoarse> load(Reader& in, const IndexHeader& index, std::size_t nlist, std::size_t depth, IndexOptions options);

private:
    std::variant<OneList, FlatCoarse, IndexCoarse> coarse_;
};
static_assert(StoredCoarse<AnyCoarse>);

}  // namespace lutra::inline LUTRA_ABI_TAG
