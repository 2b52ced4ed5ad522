// All of this is allowed.
#include <lutra/core/types.hpp>
#include <lutra/encodings/b/other.hpp>
#include <lutra/encodings/shared.hpp>
#include <vector>
