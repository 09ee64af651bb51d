#!/usr/bin/env python3
"""Says which tests a run skipped, from ctest's JUnit file, so that nobody takes them for passed.

usage: scripts/list-skipped.py TESTS.XML
"""
import sys
import xml.etree.ElementTree

suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
skipped = sorted(case.get('name') for case in suite.iter('testcase')
                 if case.get('status') in ('notrun', 'disabled') or case.find('skipped') is not None)
if skipped:
    print(f'\nSKIPPED, not passed: {len(skipped)} tests, for want of something that is not here:')
    print('\n'.join(f'  {name}' for name in skipped))
    print('Data sets are looked for in RECSAE_DATA_DIR.')
