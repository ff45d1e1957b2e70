#include "kernels.h"

#if defined(__x86_64__)
namespace larq_igp {
const Kernels kAvx512Kernels = {"avx512", kPortableKernels.convolve, GatherPortable, QuantizePortable, AffineQuantizePortable};
}  // namespace larq_igp
#endif
