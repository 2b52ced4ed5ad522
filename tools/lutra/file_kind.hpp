// tools/lutra/file_kind.hpp: what a path holds: vectors, ids or an index.  SPDX-License-Identifier: MIT
#pragma once
#include <string>

namespace command {

enum class FileKind { vectors, ids, index };

/// Tells by the ending of the name, for a .npy file by its header. Folders hold vectors; anything unknown may be an index.
FileKind kind_of(const std::string& path);

/// "folder", or the ending: "fvecs".
std::string format_of(const std::string& path);

}  // namespace command
