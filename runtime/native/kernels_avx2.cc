#include "kernels.h"

#if defined(__x86_64__)
namespace larq_igp {
const Kernels kAvx2Kernels = {"avx2", kPortableKernels.convolve, GatherPortable, QuantizePortable, AffineQuantizePortable};
}  // namespace larq_igp
#endif
