// Includes with quotes.
#include "types.hpp"
