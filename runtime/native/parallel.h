// Loops that the threads of a team share out.
#pragma once

#include <algorithm>
#include <cstddef>

#include "thread_pool.h"

namespace larq_igp {

// Rough figures, by which loops are shared out.
constexpr double kNanosecondsPerValue = 0.1, kNanosecondsPerWord = 0.5;

// Calls `body(begin, end)` for parts of `count` items, which take `nanoseconds` each.
template <class Body>
void ForRanges(Team* team, size_t count, double nanoseconds, const Body& body) {
  const int width = team->Width(static_cast<double>(count) * nanoseconds);
  const size_t pieces = width == 1 ? 1 : std::min<size_t>(count, 4 * static_cast<size_t>(width));
  team->For(pieces, width,
            [&](size_t piece, int) { body(count * piece / pieces, count * (piece + 1) / pieces); });
}

// The same for rows of `channels` values, `step` apart. `body` gets several rows only if there are
// no gaps between them. Where there are, the processor does not foresee what is read next, so it is
// told.
template <class Body>
void ForRows(Team* team, const float* values, size_t rows, size_t channels, size_t step,
             const Body& body) {
  constexpr size_t kRowsAhead = 6, kLine = 64 / sizeof(float);
  const double per_row = kNanosecondsPerValue * static_cast<double>(channels);
  ForRanges(team, rows, per_row, [&](size_t begin, size_t end) {
    if (step == channels) return body(begin, end);
    for (size_t r = begin; r < end; ++r) {
      if (r + kRowsAhead < rows) {
        const float* ahead = values + (r + kRowsAhead) * step;
        for (size_t c = 0; c < channels; c += kLine) __builtin_prefetch(ahead + c);
      }
      body(r, r + 1);
    }
  });
}

}  // namespace larq_igp
