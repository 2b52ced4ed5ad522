// Includes a higher floor.
#include <lutra/io/stream.hpp>
