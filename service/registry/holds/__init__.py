"""Legal holds (保全): what must be kept until a day, decided by two officers, seen by the person it is about."""
