"""Memristor crossbars: devices in siemens, arrays of differential pairs, and a ledger of reads and pulses."""
