#!/usr/bin/env python3
"""Runs a program at a terminal and answers what it asks: terminal.py ANSWER... -- PROGRAM ARGUMENT...

An answer is typed when a question stands there, a line that ends in ": ". `^C` is that key instead of an answer. Prints
what stood on the screen, and ends as the program did (128 and the signal's number for one that a signal ended).
"""
import os
import pty
import sys

separator = sys.argv.index("--")
answers, program = sys.argv[1:separator], sys.argv[separator + 1 :]
child, terminal = pty.fork()
if child == 0:
    os.execv(program[0], program)
screen = b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # the last one has closed it
        break
    if not piece:
        break
    screen += piece
    if answers and screen.endswith(b": "):
        answer = answers.pop(0)
        os.write(terminal, b"\x03" if answer == "^C" else answer.encode() + b"\n")
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(screen)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
