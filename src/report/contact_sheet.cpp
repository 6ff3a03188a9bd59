#include "report/contact_sheet.hpp"

#include <algorithm>
#include <cmath>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.hpp"
#include "image/resize.hpp"

namespace muster::report {
namespace {

constexpr int kGap = 6;         // pixels between pictures
constexpr int kMargin = 18;     // around the sheet, and between samples side by side
constexpr int kTextRow = 24;    // height of a line of text
constexpr double kScale = 0.5;  // of OpenCV's Hershey font: capitals of 11 pixels

const cv::Scalar kPaper(255, 255, 255), kInk(30, 30, 30), kPale(130, 130, 130);

int text_width(const std::string& text) {
  int baseline = 0;
  return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, kScale, 1, &baseline).width;
}

std::string drawable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// The end of a name tells more than its beginning, so that is what is kept.
std::string fit(std::string text, int width) {
  text = drawable(std::move(text));
  if (text_width(text) <= width) {
    return text;
  }
  while (!text.empty() && text_width("..." + text) > width) {
    text.erase(text.begin());
  }
  return "..." + text;
}

// Of a caption the beginning is kept.
std::string fit_beginning(std::string text, int width) {
  text = drawable(std::move(text));
  if (text_width(text) <= width) {
    return text;
  }
  while (!text.empty() && text_width(text + "...") > width) {
    text.pop_back();
  }
  return text + "...";
}

// `top` is that of the line of text.
void write(cv::Mat& page, const std::string& text, int left, int top, const cv::Scalar& colour) {
  cv::putText(page, text, {left, top + kTextRow - 8}, cv::FONT_HERSHEY_SIMPLEX, kScale, colour, 1, cv::LINE_AA);
}

// Scaled to the largest size that fits, at the top of the square.
void place(cv::Mat& page, const image::Image& picture, int left, int top, int side) {
  check(picture.channels == 3 && picture.height > 0 && picture.width > 0, "contact sheet: a picture of {} x {} with {} channels",
        picture.height, picture.width, picture.channels);
  const auto [height, width] = fitted_size(picture.height, picture.width, side);
  image::Image small = image::resize_bilinear(picture, height, width);
  const cv::Mat pixels(small.height, small.width, CV_8UC3, small.pixels.data());
  pixels.copyTo(page(cv::Rect(left, top, small.width, small.height)));
}

// Coloured squares with names, broken into lines of `width`; with `page` null only measured. Returns the height.
int draw_legend(cv::Mat* page, const std::vector<ContactSheetClass>& legend, int top, int width) {
  constexpr int kSquare = 14;
  int left = 0, line = 0;
  for (const ContactSheetClass& entry : legend) {
    const std::string name = fit(entry.name, width - kSquare - kGap);
    const int entry_width = kSquare + kGap + text_width(name) + kMargin;
    if (left > 0 && left + entry_width - kMargin > width) {
      left = 0;
      ++line;
    }
    if (page != nullptr) {
      const cv::Rect square(kMargin + left, top + line * kTextRow + 5, kSquare, kSquare);
      cv::rectangle(*page, square, cv::Scalar(entry.colour[0], entry.colour[1], entry.colour[2]), cv::FILLED);
      write(*page, name, square.x + kSquare + kGap, top + line * kTextRow, kInk);
    }
    left += entry_width;
  }
  return legend.empty() ? 0 : (line + 1) * kTextRow;
}

// One line of samples side by side: how high its pictures and captions are.
struct SheetRow {
  int top = 0;       // of the names
  int pictures = 0;  // pixels
  int captions = 0;
};

std::vector<SheetRow> rows_of(const ContactSheet& sheet, std::size_t across) {
  std::vector<SheetRow> rows;
  int top = kTextRow;
  for (std::size_t i = 0; i < sheet.samples.size(); ++i) {
    if (i % across == 0) {
      top = rows.empty() ? top : rows.back().top + kTextRow + rows.back().pictures + rows.back().captions + kMargin;
      rows.push_back({.top = top});
    }
    for (const image::Image& picture : sheet.samples[i].pictures) {
      rows.back().pictures = std::max(rows.back().pictures, fitted_size(picture.height, picture.width, sheet.cell).first);
    }
    rows.back().captions = std::max(rows.back().captions, sheet.samples[i].caption.empty() ? 0 : kTextRow);
  }
  return rows;
}

}  // namespace

std::pair<int, int> fitted_size(int height, int width, int side) {
  check(height > 0 && width > 0 && side > 0, "fitted_size: a picture of {} x {} into {}", height, width, side);
  const double scale = static_cast<double>(side) / std::max(height, width);
  const auto scaled = [&](int length) { return std::clamp(static_cast<int>(std::lround(length * scale)), 1, side); };
  return {scaled(height), scaled(width)};
}

image::Image draw(const ContactSheet& sheet) {
  check(!sheet.samples.empty() && !sheet.titles.empty() && sheet.cell > 0 && sheet.samples_across > 0,
        "contact sheet: {} samples, {} titles, cells of {}, {} across", sheet.samples.size(), sheet.titles.size(), sheet.cell,
        sheet.samples_across);
  const std::size_t across = std::min(static_cast<std::size_t>(sheet.samples_across), sheet.samples.size());
  const std::vector<SheetRow> rows = rows_of(sheet, across);
  const int sample_width = static_cast<int>(sheet.titles.size()) * (sheet.cell + kGap) - kGap;
  const int width = static_cast<int>(across) * (sample_width + kMargin) + kMargin;
  const int legend_top = rows.back().top + kTextRow + rows.back().pictures + rows.back().captions + kMargin + kMargin / 2;
  const int height = legend_top + draw_legend(nullptr, sheet.legend, 0, width - 2 * kMargin) + kMargin;

  image::Image result(height, width);
  cv::Mat page(height, width, CV_8UC3, result.pixels.data());
  page.setTo(kPaper);
  for (std::size_t i = 0; i < sheet.samples.size(); ++i) {
    const ContactSheetSample& sample = sheet.samples[i];
    check(sample.pictures.size() == sheet.titles.size(), "contact sheet: {} has {} pictures for {} titles", sample.name,
          sample.pictures.size(), sheet.titles.size());
    const int left = kMargin + static_cast<int>(i % across) * (sample_width + kMargin);
    const SheetRow& row = rows[i / across];
    write(page, fit(sample.name, sample_width), left, row.top, kInk);
    for (std::size_t p = 0; p < sample.pictures.size(); ++p) {
      const int picture_left = left + static_cast<int>(p) * (sheet.cell + kGap);
      if (i < across) {
        write(page, fit(sheet.titles[p], sheet.cell), picture_left, 0, kPale);
      }
      place(page, sample.pictures[p], picture_left, row.top + kTextRow, sheet.cell);
    }
    write(page, fit_beginning(sample.caption, sample_width), left, row.top + kTextRow + row.pictures, kInk);
  }
  draw_legend(&page, sheet.legend, legend_top, width - 2 * kMargin);
  return result;
}

}  // namespace muster::report
