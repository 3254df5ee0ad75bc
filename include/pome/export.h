// Visibility of the library's own symbols: everything else stays inside libpome.
#pragma once

#define POME_API __attribute__((visibility("default")))
