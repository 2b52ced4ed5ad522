// The unit of lutra::compiled: what index_factory.hpp, save_load.hpp and kmeans.hpp declare.  SPDX-License-Identifier: MIT
#include <lutra/factory/load_record.hpp>
#include <lutra/factory/make_index.hpp>
