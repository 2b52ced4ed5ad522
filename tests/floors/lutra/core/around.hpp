// Includes that go around the check.
#include <../include/lutra/factory/spec.hpp>
/**/ #include <lutra/factory/spec.hpp>
# /**/ include /* why */ <lutra/factory/spec.hpp>
#include <lutra/io/../factory/spec.hpp>
#include <include/lutra/factory/spec.hpp>
#include LUTRA_SPEC
/* #include <lutra/factory/spec.hpp>
   is a comment */
