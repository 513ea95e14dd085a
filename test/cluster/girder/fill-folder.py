"""Puts many items into a folder of the Girder whose database GIRDER_MONGO_URI names; REST calls would take an hour.

Reads {folderId, count, receipt, resultsId} as JSON from standard input. The items are named case-000000… and have no
files. With a receipt, each also gets a result item of its name in `resultsId`, whose receipt is that one with the input.
A count of 0 removes the items of both folders.
"""

import datetime
import json
import os
import sys

import pymongo
from bson import ObjectId

batch = 5000
wanted = json.load(sys.stdin)
database = pymongo.MongoClient(os.environ['GIRDER_MONGO_URI']).get_database()
folder = database.folder.find_one({'_id': ObjectId(wanted['folderId'])})
time = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def item(name, folder_id, meta):
    return {
        '_id': ObjectId(),
        'name': name,
        'lowerName': name,
        'description': '',
        'folderId': folder_id,
        'creatorId': folder['creatorId'],
        'baseParentType': folder['baseParentType'],
        'baseParentId': folder['baseParentId'],
        'created': time,
        'updated': time,
        'size': 0,
        'meta': meta,
    }


if wanted['count'] == 0:
    for name in ('folderId', 'resultsId'):
        database.item.delete_many({'folderId': ObjectId(wanted[name]), 'name': {'$gte': 'case-', '$lt': 'case.'}})

for start in range(0, wanted['count'], batch):
    names = [f'case-{number:06}' for number in range(start, min(start + batch, wanted['count']))]
    inputs = [item(name, folder['_id'], {}) for name in names]
    database.item.insert_many(inputs, ordered=False)
    if 'receipt' not in wanted:
        continue
    results = []
    for one in inputs:
        facts = {'id': str(one['_id']), 'name': one['name'], 'updated': time.isoformat(), 'size': 0}
        receipt = dict(wanted['receipt'], input=dict(wanted['receipt']['input'], **facts))
        results.append(item(one['name'], ObjectId(wanted['resultsId']), {'dockerrun': receipt}))
    database.item.insert_many(results, ordered=False)
