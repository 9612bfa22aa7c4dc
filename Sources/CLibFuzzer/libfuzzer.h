// The entry point of libFuzzer as a library (https://llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library"). The toolchain has no
// header for it.
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*run)(const uint8_t *data, size_t size));
