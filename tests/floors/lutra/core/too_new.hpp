// Names that older standard libraries lack.
inline bool any(int* x) { return std::ranges::any_of(x, x + 1, {}); }
