from larq_igp.architectures import ZOO
from larq_igp.files import write_json
from tests.golden import BITS, COUNTS, OUTPUTS, TINY, count, logits

write_json(COUNTS, {name: count(name) for name in ZOO})
write_json(OUTPUTS, {f"{name} {bits}": logits(name, bits) for name in TINY for bits in BITS})
