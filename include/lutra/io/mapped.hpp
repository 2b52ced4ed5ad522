// lutra/io/mapped.hpp: MappedFile, the bytes of a file, read-only: a memory map, or a copy on systems without maps.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/io/file.hpp>
#if LUTRA_HAS_POSIX
#include <sys/mman.h>
#endif

#include <limits>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {
struct Unmap {
    std::size_t size = 0;
    void operator()(std::byte* bytes) const;
};
using Mapping = std::unique_ptr<std::byte, Unmap>;
}  // namespace detail

/// All bytes of a file for as long as this object lives; move-only. The file's descriptor is closed again by open(), so
/// thousands of files can be mapped. Pages are read when they are first touched, and files larger than memory are fine.
/// The file must not be made shorter meanwhile: the system stops a process that touches a page that is gone. (FileWriter
/// never does that: it replaces the file as a whole, and the map keeps the old one.)
class MappedFile {
public:
    /// Errc::not_found (no such file), unsupported (a folder, pipe or device) or io_error (with the system's reason).
    static Result<MappedFile> open(const std::string& path);

    /// Starts on a page, or on a cache line where the bytes are a copy.
    std::span<const std::byte> bytes() const {
        if (!mapping_) return {};
        return {mapping_.get(), mapping_.get_deleter().size};
    }

private:
    explicit MappedFile(detail::Mapping mapping) : mapping_(std::move(mapping)) {}

    detail::Mapping mapping_;  // null for an empty file
};

namespace detail {

#if LUTRA_HAS_POSIX
inline void Unmap::operator()(std::byte* bytes) const { ::munmap(bytes, size); }

inline Result<Mapping> map_file(std::FILE* file, std::size_t size, const std::string& path) {
    void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, ::fileno(file), 0);
    if (bytes == MAP_FAILED) return file_error("map", path, last_error());
    return Mapping(static_cast<std::byte*>(bytes), Unmap{size});
}
#else
inline void Unmap::operator()(std::byte* bytes) const { free_aligned(bytes, size); }

inline Result<Mapping> map_file(std::FILE* file, std::size_t size, const std::string& path) {
    Mapping mapping(static_cast<std::byte*>(allocate_aligned(size)), Unmap{size});
    errno = 0;
    if (std::fread(mapping.get(), 1, size, file) != size) return file_error("read", path, last_error());
    return mapping;
}
#endif

}  // namespace detail

inline Result<MappedFile> MappedFile::open(const std::string& path) {
    return guarded("open", [&]() -> Result<MappedFile> {
        const auto open = detail::open_regular_file(path);
        if (!open) return open.status();
        if (open->size == 0) return MappedFile(nullptr);
        if (open->size > std::numeric_limits<std::size_t>::max() / 2)
            return Status{Errc::unsupported, "{} has {} bytes, more than this machine can address", path_text(path), open->size};
        auto mapping = detail::map_file(open->file.get(), std::size_t(open->size), path);
        if (!mapping) return mapping.status();
        return MappedFile(*std::move(mapping));
    });
}

}  // namespace lutra::inline LUTRA_ABI_TAG
