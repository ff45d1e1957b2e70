#include "photo.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#ifdef WITH_JPEG
#include <jpeglib.h>
// jerror.h needs jpeglib.h before it.
#include <jerror.h>
#endif
#ifdef WITH_PNG
#include <png.h>
#endif

namespace {

using Bytes = std::vector<uint8_t>;

// The orientation in EXIF, which is a TIFF file of tags; 1, as it stands, where there is none.
int Orientation(const uint8_t* exif, size_t size) {
  const bool little = size >= 8 && exif[0] == 'I';
  const auto number = [&](size_t at, int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value |= uint32_t{exif[at + i]} << 8 * (little ? i : bytes - 1 - i);
    return value;
  };
  if (size < 8 || number(2, 2) != 42) return 1;
  const size_t tags = number(4, 4);
  if (tags > size - 2) return 1;
  const size_t count = number(tags, 2);
  for (size_t i = 0, at = tags + 2; i < count && at + 12 <= size; ++i, at += 12)
    if (number(at, 2) == 0x0112) {
      const auto orientation = static_cast<int>(number(at + 8, 2));
      return orientation <= 8 ? std::max(orientation, 1) : 1;
    }
  return 1;
}

// What stands where when an image is turned.
Image Turned(const Image& image, int orientation) {
  if (orientation == 1) return image;
  const int h = image.height, w = image.width, c = image.channels;
  const bool swapped = orientation > 4;
  Image result{swapped ? w : h, swapped ? h : w, c, Bytes(image.pixels.size())};
  for (int y = 0; y < result.height; ++y)
    for (int x = 0; x < result.width; ++x) {
      int row = swapped ? x : y, column = swapped ? y : x;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        row = h - 1 - row;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        column = w - 1 - column;
      std::copy_n(&image.pixels[(size_t{1} * row * w + column) * c], c,
                  &result.pixels[(size_t{1} * y * result.width + x) * c]);
    }
  return result;
}

// Pillow's brightness, or grey in three channels.
Image WithChannels(const Image& image, int channels) {
  if (image.channels == channels) return image;
  Image result{image.height, image.width, channels, {}};
  for (size_t i = 0; i < image.pixels.size(); i += image.channels) {
    const uint8_t* p = &image.pixels[i];
    if (channels == 3) result.pixels.insert(result.pixels.end(), 3, *p);
    else
      result.pixels.push_back(
          static_cast<uint8_t>((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16));
  }
  return result;
}

Image ReadPpm(const Bytes& file) {
  std::istringstream text(
      std::string(file.begin(), file.begin() + std::min<long>(file.size(), 999)));
  std::string kind;
  int sides[3];  // width, height, largest level
  text >> kind;
  for (int& side : sides)
    while (!(text >> side)) {
      text.clear();
      std::string comment;
      if (text.get() != '#' || !std::getline(text, comment))
        throw std::runtime_error("its head is damaged");
    }
  if (sides[2] != 255 || sides[0] < 1 || sides[1] < 1 || sides[0] > 30000 || sides[1] > 30000)
    throw std::runtime_error("only 255 levels and at most 30,000 rows and columns are read");
  Image image{sides[1], sides[0], kind == "P6" ? 3 : 1, {}};
  const auto begin = static_cast<size_t>(text.tellg()) + 1;
  const size_t size = size_t{1} * image.height * image.width * image.channels;
  if (file.size() < begin + size) throw std::runtime_error("it is torn");
  image.pixels.assign(file.begin() + begin, file.begin() + begin + size);
  return image;
}

#ifdef WITH_JPEG
struct JpegErrors {
  jpeg_error_mgr base;
  jmp_buf back;
  char sentence[JMSG_LENGTH_MAX];
};

[[noreturn]] void LeaveJpeg(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  errors->base.format_message(info, errors->sentence);
  std::longjmp(errors->back, 1);
}

void HearJpeg(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) LeaveJpeg(info);  // torn; others are borne
}

// Whether it was decoded; else `errors` says why. What is owned belongs to the caller: a jump
// destroys nothing.
bool DecodeJpeg(const Bytes& file, Image& image, int& orientation, JpegErrors& errors) {
  jpeg_decompress_struct info;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = LeaveJpeg;
  errors.base.emit_message = HearJpeg;
  if (setjmp(errors.back)) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, file.data(), file.size());
  jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&info, TRUE);
  for (auto* marker = info.marker_list; marker; marker = marker->next)
    if (marker->data_length > 6 && !std::memcmp(marker->data, "Exif\0\0", 6))
      orientation = Orientation(marker->data + 6, marker->data_length - 6);
  // Of CMYK libjpeg makes neither, and says so.
  info.out_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  info.dct_method = JDCT_ISLOW;  // as Pillow and larq-igp
  jpeg_start_decompress(&info);
  image.height = static_cast<int>(info.output_height),
  image.width = static_cast<int>(info.output_width);
  image.pixels.resize(size_t{1} * image.height * image.width * image.channels);
  while (info.output_scanline < info.output_height) {
    uint8_t* row = &image.pixels[size_t{1} * info.output_scanline * image.width * image.channels];
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return true;
}

Image ReadJpeg(const Bytes& file, int channels) {
  Image image{0, 0, channels, {}};
  int orientation = 1;
  JpegErrors errors;
  if (!DecodeJpeg(file, image, orientation, errors)) throw std::runtime_error(errors.sentence);
  return Turned(image, orientation);
}
#endif

#ifdef WITH_PNG
struct PngInput {
  const Bytes* file;
  size_t at;
  char sentence[200];
};

[[noreturn]] void LeavePng(png_structp png, png_const_charp sentence) {
  std::snprintf(static_cast<PngInput*>(png_get_error_ptr(png))->sentence, 200, "%s", sentence);
  png_longjmp(png, 1);
}

void GivePng(png_structp png, png_bytep bytes, size_t size) {
  auto* input = static_cast<PngInput*>(png_get_io_ptr(png));
  if (size > input->file->size() - input->at) png_error(png, "it is torn");
  std::memcpy(bytes, input->file->data() + input->at, size);
  input->at += size;
}

// Whether it was decoded, as above.
bool DecodePng(PngInput& input, Image& image, int& orientation, std::vector<uint8_t*>& rows) {
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, LeavePng, [](auto, auto) {});
  png_infop info = png_create_info_struct(png);
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, nullptr);
    return false;
  }
  png_set_read_fn(png, &input, GivePng);
  png_read_info(png, info);
  // 16 bits become 8 as Pillow and larq-igp do it: of grey rounded, of colour the upper ones.
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY) png_set_scale_16(png);
  else png_set_strip_16(png);
  png_set_expand(png);  // palettes, fewer than 8 bits
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  image.height = static_cast<int>(png_get_image_height(png, info));
  image.width = static_cast<int>(png_get_image_width(png, info));
  image.channels = png_get_channels(png, info);
  image.pixels.resize(size_t{1} * image.height * image.width * image.channels);
  for (int y = 0; y < image.height; ++y)
    rows.push_back(&image.pixels[size_t{1} * y * image.width * image.channels]);
  png_read_image(png, rows.data());
  png_read_end(png, info);
  png_bytep exif;
  png_uint_32 size;
  if (png_get_eXIf_1(png, info, &size, &exif)) orientation = Orientation(exif, size);
  png_destroy_read_struct(&png, &info, nullptr);
  return true;
}

Image ReadPng(const Bytes& file) {
  PngInput input{&file, 0, ""};
  Image image{};
  int orientation = 1;
  std::vector<uint8_t*> rows;
  if (!DecodePng(input, image, orientation, rows)) throw std::runtime_error(input.sentence);
  return Turned(image, orientation);
}
#endif

Image Decoded(const Bytes& file, [[maybe_unused]] int channels) {
  const auto begins = [&](const char* mark, size_t size) {
    return file.size() > size && !std::memcmp(file.data(), mark, size);
  };
  if (begins("P6", 2) || begins("P5", 2)) return ReadPpm(file);
#ifdef WITH_JPEG
  if (begins("\xff\xd8\xff", 3)) return ReadJpeg(file, channels);
#endif
#ifdef WITH_PNG
  if (begins("\x89PNG\r\n\x1a\n", 8)) return ReadPng(file);
#endif
  throw std::runtime_error(
      "it is in no format that this program reads; `convert PHOTO -auto-orient photo.ppm`");
}

}  // namespace

Image ReadPhoto(const std::string& path, int channels) {
  std::ifstream stream(path, std::ios::binary);
  const Bytes file((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (file.empty()) throw std::runtime_error(path + " cannot be read, or it is empty");
  try {
    return WithChannels(Decoded(file, channels), channels);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + " is not an image, or it is damaged: " + error.what());
  }
}
