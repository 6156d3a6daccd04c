"""Network gear over SNMP: one poll of one device, and many of them side by side.

    target.py      where and as whom: address, credential
    session.py     one device's socket: requests, retransmission, deadlines (gufo-snmp)
    walk.py        columns and tables read to the end or to a named reason why not
    values.py      what devices answer, made into numbers and text
    tables/        the standard MIBs
    profiles/      one TOML file a vendor; profile.py reads them, vendor.py applies them
    device.py      what one poll gives
    poll.py        one device once
    round.py       many devices, none delaying another
    rates.py       two polls into rates
    snmprec.py     recordings (.snmprec) read and written

Nothing here imports gufo.snmp before a device is polled: an agent without the poller role never
loads it.
"""
