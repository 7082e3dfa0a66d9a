"""The person's own page, ``/me``: what is held, who looked, consents, certificates, reminders, requests.

What a person does here is seen by nobody else: reading one's own record leaves no entry in the log.
"""
