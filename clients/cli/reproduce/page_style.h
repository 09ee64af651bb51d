// The style and the script of the page of a reproduction.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_STYLE_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_STYLE_H_

namespace recsae::cli {

// Light and dark by the reader's preference; from phones to wide screens; for print.
extern const char kPageStyle[];

// Searches, filters and sorts the list of concepts. Without it the list is there as it is.
extern const char kPageScript[];

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_STYLE_H_
