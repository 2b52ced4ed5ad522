// What core/concepts.hpp promises of the calls that change a SearchIndex, and of saving it, for every kind of index.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <lutra/factory/save_load.hpp>

#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "contracts/contract_cases.hpp"

using namespace contracts;

namespace {
std::vector<Id> odd_ids(std::size_t n, Id first = 1000003) {
    std::vector<Id> ids(n);
    for (std::size_t i = 0; i < n; ++i) ids[i] = first + Id((i * 7919) % n) * 13;
    return ids;
}

Matrix rows(const Matrix& x, std::size_t begin, std::size_t end) {
    Matrix part(end - begin, x.d);
    std::copy(x.row(begin), x.row(begin) + (end - begin) * x.d, part.row(0));
    return part;
}

lutra::Index loaded(const Case& c, const std::vector<std::byte>& bytes) {
    lutra::MemoryReader in(bytes);
    lutra::Result<lutra::Index> index = lutra::load_index(in, c.options());
    require_ok(index.status());
    CHECK(in.remaining() == 0);
    return std::move(*index);
}

/// The index holds exactly rows x under these ids.
void check_holds(const Case& c, const lutra::Index& index, const Matrix& x, const std::vector<Id>& ids) {
    const Matrix q = rows_with_ties(12, c.d, 77);
    CHECK(index.ntotal() == x.n);
    if (x.n != 0) CHECK(keeps_copies(index) == c.has_copies());
    CHECK(search(index, q, x.n + 2, all_lists(index)) == first_of(every_row(c, x, q, ids), x.n + 2, c.metric));
}
std::vector<Id> counted_ids(std::size_t n, Id first = 0) {
    std::vector<Id> ids(n);
    std::iota(ids.begin(), ids.end(), first);
    return ids;
}
}  // namespace

TEST_CASE("untrained: an index of the same kind and settings, as the factory makes it") {
    for_each_case([](const Case& c) {
        lutra::Index index = filled(c, rows_with_ties(60, c.d)), made = untrained(c);
        for (lutra::Index* i : {&index, &made}) {
            if (i->nlist() > 1) require_ok(i->set_nprobe(i->nlist() - 1));
            if (i->k_factor() > 0) require_ok(i->set_k_factor(7));
        }
        lutra::Index fresh = index.untrained();
        CHECK(fresh.ntotal() == 0);
        CHECK(fresh.nprobe() == made.nprobe());
        CHECK(fresh.is_trained() == made.is_trained());
        CHECK(fresh.k_factor() == made.k_factor());
        CHECK(saved(fresh) == saved(made));
        require_ok(fresh.train(lutra_test::normal_matrix(300, c.d, 1001)));
        require_ok(fresh.add(rows_with_ties(20, c.d)));
        CHECK(keeps_copies(fresh) == c.has_copies());
    });
}

TEST_CASE("add: in pieces of any size is the same as at once, bit for bit") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(180, c.d);
        lutra::Index pieces = trained(c);
        for (std::size_t begin = 0, step = 1; begin < x.n; begin += step, step = step * 2 + 1)
            require_ok(pieces.add(x.view().rows(begin, std::min(x.n, begin + step))));
        CHECK(saved(pieces) == saved(filled(c, x)));
    });
}

TEST_CASE("add_with_ids: searches and reconstruct speak in the given ids; add() goes on above them") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(120, c.d), more = rows_with_ties(5, c.d, 2);
        std::vector<Id> ids = odd_ids(120);
        lutra::Index index = trained(c);
        require_ok(index.add_with_ids(x, ids.data()));
        check_holds(c, index, x, ids);
        Matrix row(1, c.d);
        require_ok(index.reconstruct(ids[77], row.row(0)));
        CHECK(std::equal(row.row(0), row.row(1), stored(c, x).row(77)));
        CHECK(index.reconstruct(0, row.row(0)).code() == lutra::Errc::not_found);
        require_ok(index.add(more));
        const Id next = *std::max_element(ids.begin(), ids.end()) + 1;
        require_ok(index.reconstruct(next + 4, row.row(0)));
        CHECK(std::equal(row.row(0), row.row(1), stored(c, more).row(4)));
    });
}

TEST_CASE("add_with_ids: an id may be given twice, to a second vector") {
    for_each_case([](const Case& c) {
        const Matrix x = lutra_test::normal_matrix(40, c.d, 3);
        std::vector<Id> ids(40);
        for (std::size_t i = 0; i < 40; ++i) ids[i] = Id(i / 2);
        lutra::Index index = trained(c);
        require_ok(index.add_with_ids(x, ids.data()));
        check_holds(c, index, x, ids);
        const auto gone = [](Id id) { return id == 3; };
        CHECK(index.remove_ids(lutra::IdFilter::predicate(gone)).value() == 2);
    });
}

TEST_CASE("remove_ids: what passes the filter is gone, the others keep their ids, or their order in a plain Flat") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(150, c.d);
        const auto gone = [](Id id) { return id % 3 != 1 || id > 100; };
        for (const bool own_ids : {false, true}) {
            std::vector<Id> ids = own_ids ? odd_ids(150) : counted_ids(150), kept_ids;
            lutra::Index index = trained(c);
            require_ok(own_ids ? index.add_with_ids(x, ids.data()) : index.add(x));
            Matrix kept(0, c.d);
            for (std::size_t i = 0; i < 150; ++i)
                if (!gone(ids[i])) {
                    kept.values.insert(kept.values.end(), x.row(i), x.row(i) + c.d);
                    kept_ids.push_back(c.has_lists() || own_ids ? ids[i] : Id(kept.n));
                    ++kept.n;
                }
            CHECK(index.remove_ids(lutra::IdFilter::predicate(gone)).value() == 150 - kept.n);
            check_holds(c, index, kept, kept_ids);
            CHECK(index.remove_ids(lutra::IdFilter::bitmap(nullptr, 0)).value() == 0);
            check_holds(c, index, kept, kept_ids);
            CHECK(index.remove_ids({}).value() == kept.n);  // everything passes an empty filter
            check_holds(c, index, Matrix(0, c.d), {});
            require_ok(index.add(x));
            CHECK(index.ntotal() == 150);
            if (!c.has_lists() && !own_ids) check_holds(c, loaded(c, saved(index)), x, counted_ids(150));
            if (!c.has_lists() && !own_ids) check_holds(c, index, x, counted_ids(150));  // by place again, also from empty
        }
    });
}

TEST_CASE("merge_from: takes over all vectors, ids shifted, and leaves the other empty and usable") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(140, c.d);
        for (const Id shift : {60, 1000}) {
            lutra::Index index = filled(c, rows(x, 0, 60)), other = filled(c, rows(x, 60, 140));
            require_ok(index.merge_from(other, shift));
            std::vector<Id> ids = counted_ids(140);
            for (std::size_t i = 60; i < 140; ++i) ids[i] += shift - 60;
            check_holds(c, index, x, ids);
            CHECK(other.ntotal() == 0);
            require_ok(other.add(rows(x, 0, 10)));
            check_holds(c, other, rows(x, 0, 10), counted_ids(10));
            require_ok(index.add(rows(x, 0, 1)));
            CHECK(index.reconstruct(ids.back() + 1, Matrix(1, c.d).row(0)).ok());
            check_holds(c, loaded(c, saved(other)), rows(x, 0, 10), counted_ids(10));
        }
    });
}

TEST_CASE("merge_from: refuses another kind, another dimension, another training, itself, and ids below 0; nothing moves") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(30, c.d);
        lutra::Index index = filled(c, x);
        const auto before = saved(index);
        const auto check_refused = [&](lutra::Index& other, Id shift) {
            const auto others = saved(other);
            CHECK(index.merge_from(other, shift).code() == lutra::Errc::bad_argument);
            CHECK(saved(index) == before);
            CHECK(saved(other) == others);
        };
        lutra::Index longer = untrained({c.spec, c.metric, 2 * c.d});
        check_refused(longer, 0);
        if (!c.is_score_aware()) {
            lutra::Index other_metric = filled({c.spec, c.metric == Metric::l2 ? Metric::inner_product : Metric::l2, c.d}, x);
            check_refused(other_metric, 0);
        }
        lutra::Index other_spec = filled({c.spec == "Flat" ? "IVF2,Flat" : "Flat", c.metric, c.d}, x);
        check_refused(other_spec, 0);
        check_refused(index, 100);
        lutra::Index twin = filled(c, x);
        check_refused(twin, -1);
        check_refused(twin, std::numeric_limits<Id>::max());
        check_refused(twin, std::numeric_limits<Id>::min());
        if (!c.needs_training()) return;
        lutra::Index other_training = untrained(c);
        require_ok(other_training.train(lutra_test::normal_matrix(300, c.d, 5)));
        require_ok(other_training.add(x));
        if (c.d > 1 || !c.normalises()) check_refused(other_training, 100);  // at d = 1 all unit centroids are alike
    });
}

TEST_CASE("reset: forgets the vectors, keeps the training, counts from 0 again") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(100, c.d);
        lutra::Index index = trained(c);
        require_ok(index.add_with_ids(x, odd_ids(100).data()));
        index.reset();
        CHECK(index.ntotal() == 0);
        CHECK(index.is_trained());
        require_ok(index.add(x));
        CHECK(saved(index) == saved(filled(c, x)));
    });
}

TEST_CASE("save: what is loaded answers the same, bit for bit, and saves the same bytes") {
    for_each_case([](const Case& c) {
        const Matrix x = rows_with_ties(150, c.d), q = rows_with_ties(20, c.d, 6);
        for (const bool own_ids : {false, true}) {
            const std::vector<Id> ids = odd_ids(150);
            lutra::Index index = trained(c);
            require_ok(own_ids ? index.add_with_ids(x, ids.data()) : index.add(x));
            if (c.has_lists()) require_ok(index.set_nprobe(5));
            lutra::Index again = loaded(c, saved(index));
            CHECK(saved(again) == saved(index));
            CHECK(again.spec() == c.spec);
            CHECK(again.metric() == index.metric());
            CHECK(again.dim() == c.d);
            CHECK(again.is_trained());
            CHECK(again.nprobe() == index.nprobe());
            CHECK(search(again, q, 30) == search(index, q, 30));
            check_holds(c, again, x, own_ids ? ids : counted_ids(150));
            require_ok(again.add(x));
            require_ok(index.add(x));
            CHECK(saved(again) == saved(index));
        }
    });
}

TEST_CASE("save: an empty and an untrained index come back as they were") {
    for_each_case([](const Case& c) {
        const lutra::Index empty = loaded(c, saved(trained(c)));
        CHECK(empty.is_trained());
        CHECK(empty.ntotal() == 0);
        lutra::Index fresh = loaded(c, saved(untrained(c)));
        CHECK(fresh.is_trained() == !c.needs_training());
        CHECK(fresh.spec() == c.spec);
        require_ok(fresh.train(lutra_test::normal_matrix(300, c.d, 1001)));
        CHECK(saved(fresh) == saved(trained(c)));
    });
}

TEST_CASE("train: again on an empty index starts over; with vectors in it is refused") {
    for_each_case([](const Case& c) {
        lutra::Index index = untrained(c);
        require_ok(index.train(lutra_test::normal_matrix(200, c.d, 7)));
        require_ok(index.train(lutra_test::normal_matrix(300, c.d, 1001)));
        CHECK(saved(index) == saved(trained(c)));
        require_ok(index.add(rows_with_ties(20, c.d)));
        const auto before = saved(index);
        CHECK(index.train(lutra_test::normal_matrix(200, c.d, 7)).code() == lutra::Errc::bad_argument);
        CHECK(saved(index) == before);
    });
}
