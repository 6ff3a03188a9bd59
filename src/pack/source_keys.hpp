// The short ways in which the reference documents write the sources of `muster pack` and of a training recipe.
//
//   data: photos                    -> data.train.images
//   data: [photos, more/a.jpg]      -> data.train.images, an entry on each line
//   data.val: my_data/val           -> data.val.images
//   data.val: my_data/val.csv       -> data.val.csv (of task=image_classification; whatever is no folder)
//   data.classes: classes.json      -> classes, the file that holds them
//   images: [a, b]                  -> images, an entry on each line
#pragma once

#include "io/value.hpp"

namespace muster::pack {

// Writes these keys of a recipe's tree out, before it is read into PackOptions. Other keys stay as they are, so `data` of a training recipe
// that is text (a packed data set) must not come here. ConfigError for a list that holds something else than text, and for two files of
// classes.
void expand_source_keys(io::Value& tree);

}  // namespace muster::pack
