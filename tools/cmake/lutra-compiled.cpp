// The unit of lutra::compiled: what index_factory.hpp and save_load.hpp declare.  SPDX-License-Identifier: MIT
#include <lutra/factory/load_record.hpp>
#include <lutra/factory/make_index.hpp>
