"""Does to a job what slicer_cli_web does after publishing it: saves a copy from before, without a log.

Takes the id of the job as its argument, and Girder's database from GIRDER_MONGO_URI.
"""

import os
import sys

import pymongo
from bson.objectid import ObjectId

database = pymongo.MongoClient(os.environ['GIRDER_MONGO_URI']).get_database()
older = {'$set': {'status': 0, 'timestamps': []}, '$unset': {'log': ''}}
changed = database.job.update_one({'_id': ObjectId(sys.argv[1])}, older)
print(changed.matched_count)
