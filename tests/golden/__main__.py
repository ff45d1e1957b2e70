from larq_igp.files import write_json
from tests.golden import BITS, GOLDEN, OUTPUTS, TINY, golden_counts, logits

write_json(GOLDEN, golden_counts())
write_json(OUTPUTS, {f"{name} {bits}": logits(name, bits) for name in TINY for bits in BITS})
