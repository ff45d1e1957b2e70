// Patches of a panel, for any vector unit. Each instruction set describes the words of 16 pixels by
// classes of its own:
//
//     struct Words {                                        one word of each pixel
//       static Words Zero();
//       Words Or(Words) const, Left(unsigned) const, Right(unsigned) const;    shifts by 0 to 32
//       void Store(uint32_t*) const;
//     };
//     struct Pieces {
//       Pieces(const RowPiece*, int count);
//       Words Load(const uint32_t* image) const;            pieces put together
//     };
#pragma once

#include "kernels.h"

namespace larq_igp {

template <class Words, class Pieces>
inline void GatherPatches(const PatchPlan& plan, const uint32_t* image, const Pieces& pieces,
                          uint32_t* patches) {
  if (!plan.gapless) {
    for (size_t t = 0; t < plan.tap_count; ++t) {
      const uint32_t* word = image + plan.taps[t];
      for (size_t w = 0; w < plan.words; ++w, word += plan.plane, patches += kPanelPixels)
        pieces.Load(word).Store(patches);
    }
    return;
  }
  // Bits of the taps follow each other without gaps: every word is shifted to its place and split
  // over two.
  //   tap 0: [41 bits] tap 1: [41 bits] ...   ->   | 32 | 9 + 23 | 18 + 14 | ...
  Words open = Words::Zero();
  unsigned filled = 0;  // bits of `open` in use
  const unsigned last_bits = static_cast<unsigned>(plan.channels - 32 * (plan.words - 1));
  for (size_t t = 0; t < plan.tap_count; ++t) {
    const uint32_t* word = image + plan.taps[t];
    for (size_t w = 0; w < plan.words; ++w, word += plan.plane) {
      const unsigned bits = w + 1 == plan.words ? last_bits : 32;
      const Words row = pieces.Load(word);
      open = open.Or(row.Left(filled));
      filled += bits;
      if (filled < 32) continue;
      open.Store(patches);
      patches += kPanelPixels;
      filled -= 32;
      open = row.Right(bits - filled);
    }
  }
  if (filled) open.Store(patches);
}

}  // namespace larq_igp
