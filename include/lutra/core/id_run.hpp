// lutra/core/id_run.hpp: ids as a scan reads them: from an array, from the bytes of a file, or counted.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/types.hpp>

#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <vector>

namespace lutra::inline LUTRA_ABI_TAG {

/// The ids of consecutive vectors: an array, which may begin at any address, as in a file that is used in place; or, without an
/// array, the numbers from `first` on. A view: two words, cheap to copy.
class IdRun {
public:
    IdRun() = default;
    IdRun(const Id* ids) : bytes_(reinterpret_cast<const std::byte*>(ids)) {}
    static IdRun in_bytes(const std::byte* bytes) {
        IdRun run;
        run.bytes_ = bytes;
        return run;
    }

    Id operator[](std::size_t i) const {
        if (bytes_ == nullptr) return first_ + Id(i);
        Id id;
        std::memcpy(&id, bytes_ + i * sizeof id, sizeof id);
        return id;
    }
    IdRun operator+(std::size_t i) const {
        IdRun run = *this;
        bytes_ != nullptr ? void(run.bytes_ += i * sizeof(Id)) : void(run.first_ += Id(i));
        return run;
    }
    bool counted() const { return bytes_ == nullptr; }

private:
    const std::byte* bytes_ = nullptr;
    Id first_ = 0;
};

/// A run of known length, to walk over.
class IdList {
public:
    IdList() = default;
    IdList(IdRun ids, std::size_t size) : ids_(ids), size_(size) {}
    IdList(std::span<const Id> ids) : ids_(ids.data()), size_(ids.size()) {}
    IdList(const std::vector<Id>& ids) : ids_(ids.data()), size_(ids.size()) {}

    std::size_t size() const { return size_; }
    IdRun run() const { return ids_; }
    Id operator[](std::size_t i) const { return ids_[i]; }
    IdList from(std::size_t i) const { return {ids_ + i, size_ - i}; }

    class Iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = Id;
        using reference = Id;
        using pointer = void;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        Iterator(IdRun ids, std::size_t at) : ids_(ids), at_(at) {}
        Id operator*() const { return ids_[at_]; }
        Iterator& operator++() { return ++at_, *this; }
        Iterator operator++(int) {
            const Iterator before = *this;
            return ++*this, before;
        }
        bool operator==(const Iterator& other) const { return at_ == other.at_; }

    private:
        IdRun ids_;
        std::size_t at_ = 0;
    };
    Iterator begin() const { return {ids_, 0}; }
    Iterator end() const { return {ids_, size_}; }

private:
    IdRun ids_;
    std::size_t size_ = 0;
};
static_assert(std::forward_iterator<IdList::Iterator>);

}  // namespace lutra::inline LUTRA_ABI_TAG
