#include "image/dicom_file.hpp"

#include <algorithm>
#include <mutex>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/oflog/oflog.h>

#include "core/error.hpp"
#include "image/dicom_nesting.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {
namespace {

// DCMTK prints what it finds odd, and knows RLE only when asked to.
void set_up_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
  });
}

[[noreturn]] void refuse_dicom(std::string_view where, std::string_view why) {
  throw DataError("{}: cannot decode this DICOM file: {}; it is cut off or damaged, copy it again or remove it", where, why);
}

[[noreturn]] void refuse_kind_of_dicom(std::string_view where, std::string_view what, std::string_view remedy) {
  throw DataError("{} is a DICOM file with {}, which Muster does not read; {}", where, what, remedy);
}

void demand_good(const OFCondition& condition, std::string_view where) {
  if (condition.bad()) {
    refuse_dicom(where, condition.text());
  }
}

constexpr int kMostNested = 100;  // levels, each of which DCMTK pays with some hundred bytes of stack

class DicomInput {
 public:
  DicomInput(std::span<const std::byte> bytes, std::string_view where) {
    if (dicom_nesting(bytes) > kMostNested) {
      throw DataError("{}: a DICOM file with more than {} sequences inside of one another, as no device writes it; remove it", where,
                      kMostNested);
    }
    set_up_dcmtk();
    stream_.setBuffer(bytes.data(), static_cast<offile_off_t>(bytes.size()));
    stream_.setEos();
  }
  DcmInputBufferStream& stream() { return stream_; }

 private:
  DcmInputBufferStream stream_;
};

int number_or(DcmItem& set, const DcmTagKey& tag, int otherwise) {
  Uint16 value = 0;
  return set.findAndGetUint16(tag, value).good() ? value : otherwise;
}

int wanted_number(DcmItem& set, const DcmTagKey& tag, std::string_view name, std::string_view where) {
  Uint16 value = 0;
  if (set.findAndGetUint16(tag, value).bad()) {
    throw DataError("{}: this DICOM file has no {}, so it holds no picture, or ends before it; remove it or copy it again", where, name);
  }
  return value;
}

std::string text_or(DcmItem& set, const DcmTagKey& tag, const char* otherwise) {
  OFString value;
  return set.findAndGetOFString(tag, value).good() && !value.empty() ? std::string(value.c_str()) : otherwise;
}

double real_or(DcmItem& set, const DcmTagKey& tag, double otherwise) {
  Float64 value = 0;
  return set.findAndGetFloat64(tag, value).good() ? value : otherwise;
}

// Whether a rescaled value can be below zero: then the first input of a VOI LUT is a signed number (PS3.3 C.11.2.1.1), whatever an
// implicit transfer syntax makes of its two bytes.
bool may_be_negative(const DicomHeader& header) {
  const int values = 1 << header.bits_stored;
  const double lowest = header.is_signed ? -values / 2 : 0;
  return std::min(lowest * header.slope, (lowest + values - 1) * header.slope) + header.intercept < 0;
}

// LUTDescriptor: entries (0 means 65536), first value, bits; LUTData: the entries.
std::optional<DicomTable> voi_table(DcmItem& set, const DicomHeader& header, std::string_view where) {
  DcmItem* item = nullptr;
  if (set.findAndGetSequenceItem(DCM_VOILUTSequence, item, 0).bad() || item == nullptr) {
    return std::nullopt;
  }
  const auto descriptor = [&](unsigned long position) -> std::optional<Uint16> {  // its VR is US or SS
    Uint16 value = 0;
    Sint16 signed_value = 0;
    if (item->findAndGetUint16(DCM_LUTDescriptor, value, position).good()) {
      return value;
    }
    return item->findAndGetSint16(DCM_LUTDescriptor, signed_value, position).good() ? std::optional(static_cast<Uint16>(signed_value))
                                                                                    : std::nullopt;
  };
  const std::optional<Uint16> entries = descriptor(0);
  const std::optional<Uint16> first = descriptor(1);
  const std::optional<Uint16> bits = descriptor(2);
  const Uint16* data = nullptr;
  unsigned long present = 0;
  if (!entries || !first || !bits || item->findAndGetUint16Array(DCM_LUTData, data, &present).bad() || data == nullptr) {
    refuse_kind_of_dicom(where, "a VOI LUT of an unknown form", "give it a window, or convert it to PNG");
  }
  const std::size_t wanted = *entries == 0 ? 65536 : *entries;
  if (present < wanted || *bits < 8 || *bits > 16) {
    refuse_kind_of_dicom(where, fmt::format("a VOI LUT of {} bits and {} entries, {} of them there", *bits, wanted, present),
                         "give it a window, or convert it to PNG");
  }
  DicomTable table;
  DcmElement* element = nullptr;
  const bool says_signed = item->findAndGetElement(DCM_LUTDescriptor, element).good() && element->ident() == EVR_SS;
  table.first = says_signed || may_be_negative(header) ? static_cast<Sint16>(*first) : *first;
  table.bits = *bits;
  table.values.assign(data, data + wanted);
  return table;
}

// PixelPaddingValue, with PixelPaddingRangeLimit the other end of a range (C.7.5.1.1.2).
std::optional<DicomPadding> padding_of(DcmItem& set, bool is_signed) {
  const auto value = [&](const DcmTagKey& tag) -> std::optional<int> {  // its VR is US or SS, and need not fit the pixels'
    Uint16 plain = 0;
    Sint16 with_sign = 0;
    if (set.findAndGetUint16(tag, plain).good()) {
      return is_signed ? static_cast<Sint16>(plain) : plain;
    }
    if (set.findAndGetSint16(tag, with_sign).good()) {
      return is_signed ? with_sign : static_cast<Uint16>(with_sign);
    }
    return std::nullopt;
  };
  const std::optional<int> one = value(DCM_PixelPaddingValue);
  if (!one) {
    return std::nullopt;
  }
  const int other = value(DCM_PixelPaddingRangeLimit).value_or(*one);
  return DicomPadding{.low = std::min(*one, other), .high = std::max(*one, other)};
}

DicomHeader header_of(DcmItem& set, std::string_view where) {
  DicomHeader header;
  header.rows = wanted_number(set, DCM_Rows, "Rows", where);
  header.columns = wanted_number(set, DCM_Columns, "Columns", where);
  check_pixels(header.columns, header.rows, where);
  header.samples = number_or(set, DCM_SamplesPerPixel, 1);
  header.bits_allocated = wanted_number(set, DCM_BitsAllocated, "BitsAllocated", where);
  header.bits_stored = number_or(set, DCM_BitsStored, header.bits_allocated);
  header.high_bit = number_or(set, DCM_HighBit, header.bits_stored - 1);
  header.is_signed = number_or(set, DCM_PixelRepresentation, 0) == 1;
  header.planar = number_or(set, DCM_PlanarConfiguration, 0) == 1;
  header.photometric = text_or(set, DCM_PhotometricInterpretation, "");
  Sint32 frames = 1;
  header.frames = set.findAndGetSint32(DCM_NumberOfFrames, frames).good() ? std::max<int>(frames, 1) : 1;
  header.slope = real_or(set, DCM_RescaleSlope, 1);
  header.intercept = real_or(set, DCM_RescaleIntercept, 0);
  const double width = real_or(set, DCM_WindowWidth, 0);
  Float64 centre = 0;
  if (width > 0 && set.findAndGetFloat64(DCM_WindowCenter, centre).good()) {
    header.window = DicomWindow{.centre = centre, .width = width, .function = text_or(set, DCM_VOILUTFunction, "LINEAR")};
  }
  if (!header.window) {
    header.table = voi_table(set, header, where);
  }
  header.padding = padding_of(set, header.is_signed);
  if (set.tagExists(DCM_ModalityLUTSequence)) {
    refuse_kind_of_dicom(where, "a modality LUT", "apply it, or convert it to PNG");
  }
  if ((header.bits_allocated != 8 && header.bits_allocated != 16) || header.bits_stored < 1 || header.bits_stored > header.bits_allocated ||
      header.high_bit < header.bits_stored - 1 || header.high_bit >= header.bits_allocated) {
    refuse_kind_of_dicom(where,
                         fmt::format("{} bits stored in {} (highest bit {})", header.bits_stored, header.bits_allocated, header.high_bit),
                         "convert it to 8 or 16 bits");
  }
  return header;
}

// The compressed first frame: fragment 0 is the table of offsets, the others follow one another, several to a frame perhaps.
std::vector<std::byte> first_frame_of(DcmPixelSequence& sequence, int frames, std::string_view where) {
  const unsigned long fragments = sequence.card();
  if (fragments < 2 || (frames > 1 && fragments - 1 != static_cast<unsigned long>(frames))) {
    refuse_kind_of_dicom(where, fmt::format("{} frames in {} fragments", frames, fragments), "save its frames one by one");
  }
  std::vector<std::byte> bytes;
  const unsigned long last = frames > 1 ? 1 : fragments - 1;
  for (unsigned long i = 1; i <= last; ++i) {
    DcmPixelItem* item = nullptr;
    Uint8* data = nullptr;
    demand_good(sequence.getItem(item, i), where);
    demand_good(item->getUint8Array(data), where);
    const auto* first = reinterpret_cast<const std::byte*>(data);
    if (first != nullptr) {
      bytes.insert(bytes.end(), first, first + item->getLength());
    }
  }
  return bytes;
}

DcmPixelData& pixels_of(DcmDataset& set, std::string_view where) {
  DcmElement* element = nullptr;
  if (set.findAndGetElement(DCM_PixelData, element).bad() || element == nullptr || element->ident() != EVR_PixelData) {
    throw DataError("{}: this DICOM file holds no pixels, or ends before them; remove it or copy it again", where);
  }
  return static_cast<DcmPixelData&>(*element);
}

std::vector<std::byte> plain_bytes(DcmPixelData& pixels, const DicomHeader& header, std::string_view where) {
  const std::size_t wanted = static_cast<std::size_t>(header.rows) * static_cast<std::size_t>(header.columns) *
                             static_cast<std::size_t>(header.samples) * static_cast<std::size_t>(header.bits_allocated / 8);
  Uint8* data = nullptr;
  demand_good(pixels.getUint8Array(data), where);  // words come in little-endian order, whatever the file's
  const std::size_t present = data == nullptr ? 0 : pixels.getLength();
  if (present < wanted) {
    throw DataError("{}: premature end of this DICOM file: {} of {} bytes of pixels; copy it again or remove it", where, present, wanted);
  }
  const auto* first = reinterpret_cast<const std::byte*>(data);
  return {first, first + wanted};
}

}  // namespace

DicomHeader read_dicom_header(std::span<const std::byte> bytes, std::string_view where) {
  DicomInput input(bytes, where);
  DcmFileFormat file;
  file.transferInit();
  const OFCondition condition = file.readUntilTag(input.stream(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, DCM_PixelData);
  file.transferEnd();
  demand_good(condition, where);
  return header_of(*file.getDataset(), where);
}

DicomFrame read_dicom_frame(std::span<const std::byte> bytes, std::string_view where) {
  DicomInput input(bytes, where);
  DcmFileFormat file;
  file.transferInit();
  const OFCondition condition = file.read(input.stream(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
  demand_good(condition, where);
  DcmDataset& set = *file.getDataset();
  DicomFrame frame = {.header = header_of(set, where), .coding = DicomCoding::kPlain, .bytes = {}};
  DcmPixelData& pixels = pixels_of(set, where);
  if (pixels.transferState() != ERW_ready) {
    refuse_dicom(where, "premature end of its pixels");
  }
  file.transferEnd();

  const E_TransferSyntax syntax = set.getOriginalXfer();
  if (syntax == EXS_LittleEndianImplicit || syntax == EXS_LittleEndianExplicit || syntax == EXS_BigEndianExplicit ||
      syntax == EXS_DeflatedLittleEndianExplicit) {
    frame.bytes = plain_bytes(pixels, frame.header, where);
    return frame;
  }
  if (syntax == EXS_RLELossless) {
    check_pixels(static_cast<std::int64_t>(frame.header.columns) * frame.header.rows, frame.header.frames, where);  // all are unpacked
    demand_good(set.chooseRepresentation(EXS_LittleEndianExplicit, nullptr), where);
    frame.header.planar = number_or(set, DCM_PlanarConfiguration, 0) == 1;
    frame.bytes = plain_bytes(pixels, frame.header, where);
    return frame;
  }
  const bool jpeg2000 = syntax == EXS_JPEG2000LosslessOnly || syntax == EXS_JPEG2000;
  if (!jpeg2000 && syntax != EXS_JPEGProcess1) {
    refuse_kind_of_dicom(where, fmt::format("pixels in {}", DcmXfer(syntax).getXferName()),
                         "unpack it, for example with dcmdjpeg, dcmdjpls or gdcmconv --raw");
  }
  frame.coding = jpeg2000 ? DicomCoding::kJpeg2000 : DicomCoding::kJpeg;
  DcmPixelSequence* sequence = nullptr;
  demand_good(pixels.getEncapsulatedRepresentation(syntax, nullptr, sequence), where);
  frame.bytes = first_frame_of(*sequence, frame.header.frames, where);
  return frame;
}

}  // namespace muster::image
