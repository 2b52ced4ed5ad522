// lutra/encodings/pq4fs/kernel_best.hpp: which scan kernel a build uses, and with it which layout.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/encodings/pq4fs/kernel_lane.hpp>
#include <lutra/encodings/pq4fs/kernel_quad.hpp>

#include <array>
#include <cstddef>

namespace lutra::inline LUTRA_ABI_TAG::detail {

struct Pq4ScalarKernel {
    using Layout = LaneLayout;
};
template <bool Terms = false, std::size_t Q>
void scan_pq4(Pq4ScalarKernel, const Pq4Blocks& blocks, const std::array<Pq4Query, Q>& queries, std::array<Survivors, Q>& found) {
    lutra::scan_pq4<LaneLayout, Terms>(scalar{}, blocks, queries, found);
}

// The fastest kernel of this build. bench/kernels/scan_pq4.cpp measures them: on Zen 4 quads do 1.4 times what lanes do, and
// lanes of 512 bits a little more than lanes of 256.
#if defined(LUTRA_SCALAR_ONLY) || !LUTRA_HAS_LOOKUP16
using Pq4Kernel = Pq4ScalarKernel;
#elif defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
using Pq4Kernel = QuadKernel;
#elif defined(__AVX512BW__)
using Pq4Kernel = LaneKernel<Bytes512>;
#elif defined(__AVX2__)
using Pq4Kernel = LaneKernel<Bytes256>;
#else
using Pq4Kernel = LaneKernel<Bytes128>;
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
