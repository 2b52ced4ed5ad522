// lutra/factory/index.hpp: Index, a handle that owns any SearchIndex and is one; index_factory() and load_index() return it.
// SPDX-License-Identifier: MIT
//
// Each call of a user is one indirect call; inside there are none, as the index behind the handle is fully typed.
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/guarded.hpp>
#include <lutra/io/record.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

struct AnyIndex {
    virtual ~AnyIndex() = default;
    virtual const void* type() const = 0;  // the same address for the same type
    virtual std::unique_ptr<AnyIndex> untrained() const = 0;
    virtual std::size_t dim() const = 0;
    virtual std::size_t ntotal() const = 0;
    virtual Metric metric() const = 0;
    virtual bool is_trained() const = 0;
    virtual std::size_t nlist() const = 0;
    virtual std::size_t nprobe() const = 0;
    virtual Status set_nprobe(std::size_t) = 0;
    virtual float k_factor() const = 0;
    virtual Status set_k_factor(float) = 0;
    virtual std::size_t code_size() const = 0;
    virtual Storage storage() const = 0;
    virtual std::size_t training_rows() const = 0;
    virtual std::string spec() const = 0;
    virtual Status train(MatrixView, const Resources&) = 0;
    virtual Status add(MatrixView, const Resources&) = 0;
    virtual Status add_with_ids(MatrixView, const Id*, const Resources&) = 0;
    virtual Status search(MatrixView, std::size_t, HitsView, const SearchParams&, const Resources&) const = 0;
    virtual std::size_t search_bytes(std::size_t, std::size_t, const SearchParams&) const = 0;
    virtual Status range_search(MatrixView, float, RangeHits&, const SearchParams&, const Resources&) const = 0;
    virtual Status visit_range(MatrixView, float, const RangeSink&, const SearchParams&, const Resources&) const = 0;
    virtual Status reconstruct(Id, float*) const = 0;
    virtual Status reconstruct_n(Id, std::size_t, float*) const = 0;
    virtual Result<std::size_t> remove_ids(const IdFilter&) = 0;
    virtual Status merge_from(AnyIndex&, Id) = 0;
    virtual void reset() = 0;
    virtual Status save(Writer&) const = 0;
    virtual Status map_ids(IdList, std::optional<IdMapKind>) = 0;
    virtual Status make_direct_map() = 0;
    virtual bool ids_are_places() const = 0;
};

template <SearchIndex I>
struct IndexModel final : AnyIndex {
    static constexpr char kType = 0;

    explicit IndexModel(I&& i) : index(std::move(i)) {}
    const void* type() const override { return &kType; }
    std::unique_ptr<AnyIndex> untrained() const override { return std::make_unique<IndexModel>(index.untrained()); }
    std::size_t dim() const override { return index.dim(); }
    std::size_t ntotal() const override { return index.ntotal(); }
    Metric metric() const override { return index.metric(); }
    bool is_trained() const override { return index.is_trained(); }
    std::size_t nlist() const override { return index.nlist(); }
    std::size_t nprobe() const override { return index.nprobe(); }
    Status set_nprobe(std::size_t nprobe) override { return index.set_nprobe(nprobe); }
    float k_factor() const override { return index.k_factor(); }
    Status set_k_factor(float k_factor) override { return index.set_k_factor(k_factor); }
    std::size_t code_size() const override { return index.code_size(); }
    Storage storage() const override { return index.storage(); }
    std::size_t training_rows() const override { return index.training_rows(); }
    std::string spec() const override { return index.spec(); }
    Status train(MatrixView x, const Resources& r) override { return index.train(x, r); }
    Status add(MatrixView x, const Resources& r) override { return index.add(x, r); }
    Status add_with_ids(MatrixView x, const Id* ids, const Resources& r) override { return index.add_with_ids(x, ids, r); }
    Status search(MatrixView q, std::size_t k, HitsView out, const SearchParams& p, const Resources& r) const override {
        return index.search(q, k, out, p, r);
    }
    std::size_t search_bytes(std::size_t nq, std::size_t k, const SearchParams& p) const override {
        return index.search_bytes(nq, k, p);
    }
    Status range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& p, const Resources& r) const override {
        return index.range_search(q, radius, out, p, r);
    }
    Status visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& p,
                       const Resources& r) const override {
        return index.visit_range(q, radius, sink, p, r);
    }
    Status reconstruct(Id id, float* out) const override { return index.reconstruct(id, out); }
    Status reconstruct_n(Id first, std::size_t n, float* out) const override { return index.reconstruct_n(first, n, out); }
    Result<std::size_t> remove_ids(const IdFilter& filter) override { return index.remove_ids(filter); }
    Status merge_from(AnyIndex& other, Id shift) override {
        return guarded("merge", [&]() -> Status {
            if (other.type() != type())
                return {Errc::bad_argument, "merge: {} cannot take over {}; they must be alike", index.spec(), other.spec()};
            return index.merge_from(static_cast<IndexModel&>(other).index, shift);
        });
    }
    void reset() override { index.reset(); }
    Status save(Writer& out) const override { return index.save(out); }
    Status map_ids(IdList map, std::optional<IdMapKind> kind) override { return index.map_ids(map, kind); }
    Status make_direct_map() override { return index.make_direct_map(); }
    bool ids_are_places() const override { return index.ids_are_places(); }

    I index;
};

}  // namespace detail

/// An index of any kind. Move-only. See SearchIndex (core/search_index.hpp) for what each call means. A moved-from Index may
/// only be assigned to or destroyed.
class Index {
public:
    template <class I>
    requires(!std::is_same_v<I, Index>) explicit Index(I index)
        : model_(std::make_unique<detail::IndexModel<I>>(std::move(index))) {}

    Index untrained() const { return Index(model_->untrained()); }

    std::size_t dim() const { return model_->dim(); }
    std::size_t ntotal() const { return model_->ntotal(); }
    Metric metric() const { return model_->metric(); }
    bool is_trained() const { return model_->is_trained(); }
    std::size_t nlist() const { return model_->nlist(); }
    std::size_t nprobe() const { return model_->nprobe(); }
    Status set_nprobe(std::size_t nprobe) { return model_->set_nprobe(nprobe); }
    float k_factor() const { return model_->k_factor(); }
    Status set_k_factor(float k_factor) { return model_->set_k_factor(k_factor); }
    std::size_t code_size() const { return model_->code_size(); }
    Storage storage() const { return model_->storage(); }
    std::size_t training_rows() const { return model_->training_rows(); }
    std::string spec() const { return model_->spec(); }

    Status train(MatrixView x, const Resources& resources = {}) { return model_->train(x, resources); }
    Status add(MatrixView x, const Resources& resources = {}) { return model_->add(x, resources); }
    Status add_with_ids(MatrixView x, const Id* ids, const Resources& resources = {}) {
        return model_->add_with_ids(x, ids, resources);
    }
    Status search(MatrixView q, std::size_t k, HitsView out, const SearchParams& params = {},
                  const Resources& resources = {}) const {
        return model_->search(q, k, out, params, resources);
    }
    std::size_t search_bytes(std::size_t nq, std::size_t k, const SearchParams& params = {}) const {
        return model_->search_bytes(nq, k, params);
    }
    Status range_search(MatrixView q, float radius, RangeHits& out, const SearchParams& params = {},
                        const Resources& resources = {}) const {
        return model_->range_search(q, radius, out, params, resources);
    }
    Status visit_range(MatrixView q, float radius, const RangeSink& sink, const SearchParams& params = {},
                       const Resources& resources = {}) const {
        return model_->visit_range(q, radius, sink, params, resources);
    }
    Status reconstruct(Id id, float* out) const { return model_->reconstruct(id, out); }
    Status reconstruct_n(Id first, std::size_t n, float* out) const { return model_->reconstruct_n(first, n, out); }
    Result<std::size_t> remove_ids(const IdFilter& filter) { return model_->remove_ids(filter); }
    Status merge_from(Index& other, Id shift) { return model_->merge_from(*other.model_, shift); }
    void reset() { model_->reset(); }
    Status save(Writer& out) const { return model_->save(out); }
    Status map_ids(IdList map, std::optional<IdMapKind> kind) { return model_->map_ids(map, kind); }
    Status make_direct_map() { return model_->make_direct_map(); }
    bool ids_are_places() const { return model_->ids_are_places(); }

    /// What follows the fourcc of a record of any index (io/id_map_record.hpp); load_index() in save_load.hpp begins before it.
    static Result<Index> load_record(Fourcc fourcc, Reader& in, std::size_t depth, IndexOptions options);
    /// Keeps memory that the index uses in place, such as a mapped file, for as long as the index lives.
    void keep(std::shared_ptr<const void> memory) { memory_ = std::move(memory); }

private:
    explicit Index(std::unique_ptr<detail::AnyIndex> model) : model_(std::move(model)) {}

    std::shared_ptr<const void> memory_;
    std::unique_ptr<detail::AnyIndex> model_;
};
static_assert(SearchIndex<Index>);

/// The factory string that makes an index like this one: "IVF1024,Flat".
inline std::string describe(const Index& index) { return index.spec(); }

}  // namespace lutra::inline LUTRA_ABI_TAG
