from larq_igp.files import write_json
from tests.golden import GOLDEN, golden_counts

write_json(GOLDEN, golden_counts())
