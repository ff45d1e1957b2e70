#include "kernels.h"

#if defined(__aarch64__)
namespace larq_igp {
const Kernels kNeonKernels = {"neon", kPortableKernels.convolve, GatherPortable, QuantizePortable, AffineQuantizePortable};
}  // namespace larq_igp
#endif
