"""The command line: flags in, results of use cases out. Only this package prints.

Rules: a command module is imported when its command runs, so that help stays fast;
text for people goes to stdout, progress and diagnostics to stderr; exit codes are those
of the documentation and nothing else.
"""
