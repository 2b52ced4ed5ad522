// Includes another folder of its own floor.
#include <lutra/encodings/b/b.hpp>
